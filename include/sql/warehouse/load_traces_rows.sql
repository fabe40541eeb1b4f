-- The ERP rows of the orders, with the signature that each was given before. One that was settled
-- before the parcels were pruned stays the same signature, and so does one that was written before.
select
    erp_row.order_id,
    erp_row.erp_key,
    erp_row.waybill_no,
    erp_row.shipped_at,
    erp_row.signed_at,
    erp_row.sign_kind,
    coalesce(
        erp_row.sign_event,
        case when tracked_order.pruned_at is not null then erp_row.settled_event end
    ) as sign_event,
    tracked_order.has_unshipped_lines,
    written.source_event as written_event
from tracking.erp_row
inner join tracking.tracked_order on erp_row.order_id = tracked_order.order_id
left join tracking.erp_writeback as written
    on
        erp_row.erp_key = written.erp_key
        and erp_row.settled_event = written.source_event
        and written.waybill_no = coalesce(erp_row.waybill_no, '')
        and written.outcome in ('signed', 'already')
where erp_row.order_id = any(:orders)
order by erp_row.erp_key
