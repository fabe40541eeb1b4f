-- The unsigned rows of orders that no rule polls any more are closed, and their orders say why;
-- not while something that was found is still to be loaded or judged.
with quiet as (
    select
        tracked_order.order_id,
        tracked_order.quiet_since
    from tracking.tracked_order
    where
        tracked_order.quiet_since is not null
        and tracked_order.closed_at is null
        and not exists (
            select 1
            from tracking.trace_reply
            where
                trace_reply.order_id = tracked_order.order_id
                and trace_reply.loaded_at is null
                and trace_reply.quarantined_at is null
        )
        and not exists (
            select 1
            from tracking.order_shipment
            inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
            where
                order_shipment.order_id = tracked_order.order_id
                and shipment.unsettled
        )
),

closed as (
    update tracking.erp_row
    set
        closed_at = :now,
        close_reason = 'gave_up'
    from quiet
    where
        erp_row.order_id = quiet.order_id
        and erp_row.closed_at is null
        and erp_row.signed_at is null
)

update tracking.tracked_order
set
    last_error
    = 'gave up: nothing new since '
    || to_char(quiet.quiet_since at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
from quiet
where tracked_order.order_id = quiet.order_id
