-- The outbox, newest state of each notice; a shared parcel's notice names its first order.
create or replace view analytics.notifications as
select
    notification.event_id,
    notification.audience,
    nullif(notification.channel, '') as channel,
    shipment.account,
    first_order.platform_order_id,
    shipment.consignment_id,
    shipment.waybill_no,
    notification.reason,
    notification.state,
    notification.attempts,
    notification.created_at,
    notification.sent_at,
    notification.last_error
from tracking.notification
inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
left join lateral (
    select tracked_order.platform_order_id
    from tracking.order_shipment
    inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
    where order_shipment.shipment_id = shipment.shipment_id
    order by tracked_order.order_id
    limit 1
) as first_order on true
