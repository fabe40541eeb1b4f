-- Parcels that serve no open order any more have no open stall, and no notice waiting unless an
-- order was closed because it is signed: that is still told.
with finished as (
    select
        order_shipment.shipment_id,
        not exists (
            select 1
            from tracking.order_shipment as link
            inner join tracking.erp_row on link.order_id = erp_row.order_id
            where
                link.shipment_id = order_shipment.shipment_id
                and erp_row.close_reason = 'signed'
        ) as nobody_cares
    from tracking.order_shipment
    inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
    group by order_shipment.shipment_id
    having
        bool_and(tracked_order.closed_at is not null)
        and max(tracked_order.closed_at) = :now
),

cleared as (
    update tracking.stall
    set cleared_at = :now
    from finished
    where
        stall.shipment_id = finished.shipment_id
        and stall.cleared_at is null
),

waiting as (
    select notification.notification_id
    from tracking.notification
    inner join finished on notification.shipment_id = finished.shipment_id
    where
        notification.state = 'pending'
        and finished.nobody_cares
    order by notification.notification_id
    for update of notification
)

update tracking.notification
set
    state = 'suppressed',
    reason = 'closed'
from waiting
where
    notification.notification_id = waiting.notification_id
    and notification.state = 'pending'
