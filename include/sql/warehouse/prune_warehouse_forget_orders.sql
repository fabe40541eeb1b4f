-- The orders have no parcels, replies and rejected steps, and would begin anew if they came back.
with replies as (
    delete from tracking.trace_reply
    where
        trace_reply.order_id = any(:orders)
        and (trace_reply.loaded_at is not null or trace_reply.quarantined_at is not null)
),

links as (
    delete from tracking.order_shipment
    where order_shipment.order_id = any(:orders)
),

rejected as (
    delete from tracking.rejected_event
    where rejected_event.order_id = any(:orders)
),

forgotten as (
    update tracking.tracked_order
    set
        pruned_at = :now,
        fingerprint = null,
        traces_seen_at = null,
        parcels_asked_at = null,
        ask_parcels_at = :now,
        next_poll_at = null
    where tracked_order.order_id = any(:orders)
    returning tracked_order.order_id
)

select count(*) as orders
from forgotten
