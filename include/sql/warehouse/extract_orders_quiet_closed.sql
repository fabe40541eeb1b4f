-- Parcels that serve no open order any more have no open stall, and no notice waiting unless an
-- order was closed because it is signed: that is still told.
with finished as (
    select
        parcel.shipment_id,
        not exists (
            select 1
            from tracking.order_shipment as link
            inner join tracking.erp_row on link.order_id = erp_row.order_id
            where
                link.shipment_id = parcel.shipment_id
                and erp_row.close_reason = 'signed'
        ) as nobody_cares
    from (
        select distinct order_shipment.shipment_id
        from tracking.tracked_order
        inner join tracking.order_shipment on tracked_order.order_id = order_shipment.order_id
        where tracked_order.closed_at = :now
    ) as parcel
    where
        not exists (
            select 1
            from tracking.order_shipment as link
            inner join tracking.tracked_order on link.order_id = tracked_order.order_id
            where
                link.shipment_id = parcel.shipment_id
                and tracked_order.closed_at is null
        )
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
