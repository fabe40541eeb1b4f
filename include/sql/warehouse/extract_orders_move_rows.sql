-- Rows that stand for another order or parcel than before begin anew: what was known of the former
-- one says nothing of theirs. A waybill number that is only written otherwise is the same. Those
-- in the list are open again. A sign that was settled is not settled again for the same order.
update tracking.erp_row as known
set
    status = 'pending',
    parcels = 0,
    parcels_signed = 0,
    signed_at = null,
    sign_kind = null,
    sign_event = null,
    settled_event = case
        when known.order_id = tracked_order.order_id then known.settled_event
    end,
    latest_trace = null,
    latest_trace_at = null,
    waybill_nos = null,
    trace_changed = true,
    closed_at = case when not :listed then known.closed_at end,
    close_reason = case when not :listed then known.close_reason end
from incoming_row as incoming
inner join tracking.tracked_order
    on
        incoming.platform = tracked_order.platform
        and incoming.account = tracked_order.account
        and incoming.platform_order_id = tracked_order.platform_order_id
where
    incoming.refusal is null
    and known.erp_key = incoming.erp_key
    and known.order_id is not null
    and (known.order_id, known.waybill_no)
    is distinct from (tracked_order.order_id, incoming.waybill_no)
    and (known.order_id, tracking.fold_waybill(known.waybill_no))
    is distinct from (tracked_order.order_id, tracking.fold_waybill(incoming.waybill_no))
