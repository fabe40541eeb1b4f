-- A batch of ERP rows that show another trace than the warehouse knows. Shown are those that are
-- tracked, or signed by us: whatever else was closed belongs to somebody else, and of an order that
-- was pruned the warehouse no longer knows the whole trace.
select
    erp_row.erp_key,
    erp_row.status,
    erp_row.latest_trace,
    erp_row.latest_trace_at,
    erp_row.waybill_nos,
    (
        erp_row.closed_at is null
        or (erp_writeback.outcome is not null and tracked_order.pruned_at is null)
    ) as is_ours
from tracking.erp_row
inner join tracking.tracked_order on erp_row.order_id = tracked_order.order_id
left join tracking.erp_writeback
    on
        erp_row.erp_key = erp_writeback.erp_key
        and erp_row.settled_event = erp_writeback.source_event
        and erp_writeback.outcome = 'signed'
where
    erp_row.trace_changed
    and erp_row.erp_key > :after
    and (cast(:only_account as text) is null or erp_row.account = :only_account)
order by erp_row.erp_key
limit :most
