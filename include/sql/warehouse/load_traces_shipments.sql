-- What was known of the parcels before; they are ours until the transaction ends. Traces that are
-- still to be loaded were not seen yet.
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
        where
            order_shipment.shipment_id = shipment.shipment_id
            and not exists (
                select 1
                from tracking.trace_reply
                where
                    trace_reply.order_id = tracked_order.order_id
                    and trace_reply.loaded_at is null
                    and trace_reply.quarantined_at is null
            )
    ) as traces_seen_at
from tracking.shipment
where shipment_id = any(:shipments)
order by shipment_id
for update
