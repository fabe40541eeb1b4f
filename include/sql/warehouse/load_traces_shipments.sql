-- What was known of the parcels before; they are ours until the transaction ends.
select
    shipment_id,
    account,
    consignment_id,
    platform_code,
    platform_status,
    platform_status_since,
    platform_status_at,
    platform_announce,
    status,
    signed_at,
    sign_seen_at,
    sign_confirmed_at,
    event_count,
    (
        select max(tracked_order.traces_seen_at)
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        where order_shipment.shipment_id = shipment.shipment_id
    ) as traces_seen_at
from tracking.shipment
where shipment_id = any(:shipments)
order by shipment_id
for update
