-- name: next
-- A batch of ERP rows that show another trace than the warehouse knows. Shown are those that are
-- tracked, or signed by us: whatever else was closed belongs to somebody else, and of an order that
-- was pruned the warehouse no longer knows the whole trace.
select
    erp_row.erp_key,
    erp_row.status,
    erp_row.latest_trace,
    erp_row.latest_trace_at,
    erp_row.waybill_nos,
    estimated.eta_p90 as eta,
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
left join tracking.row_eta as estimated on erp_row.erp_key = estimated.erp_key
where
    erp_row.trace_changed
    and erp_row.erp_key > :after
    and (cast(:only_account as text) is null or erp_row.account = :only_account)
order by erp_row.erp_key
limit :most;


-- name: done
-- The rows are shown as they were written: one that has changed meanwhile is to be shown again,
-- also when somebody slower than others has just written what is old by now. One that the ERP did
-- not take says why.
update tracking.erp_row
set
    trace_changed
    = shown.error is not null
    or (erp_row.status, erp_row.latest_trace, erp_row.latest_trace_at, erp_row.waybill_nos)
    is distinct from (shown.status, shown.latest_trace, shown.latest_trace_at, shown.waybill_nos),
    shown_at = case when shown.is_written then :now else erp_row.shown_at end,
    trace_error = shown.error
from
    jsonb_to_recordset(cast(:shown as jsonb))
        as shown (
            erp_key text,
            status text,
            latest_trace text,
            latest_trace_at timestamptz,
            waybill_nos text,
            is_written boolean,
            error text
        )
where
    erp_row.erp_key = shown.erp_key
    and (shown.error is null or erp_row.trace_error is distinct from shown.error);


-- name: lately
-- How many rows the ERP took the trace of since a time.
select count(*)
from tracking.erp_row
where
    shown_at >= :since
    and (cast(:only_account as text) is null or account = :only_account);
