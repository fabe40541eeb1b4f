-- The judged parcels of the orders that are not superseded, with every number each of them had.
select
    order_shipment.order_id,
    order_shipment.first_seen_at,
    order_shipment.listed_at,
    shipment.shipment_id,
    shipment.status,
    shipment.sign_kind,
    shipment.signed_at,
    shipment.sign_confirmed_at,
    shipment.sign_seen_at,
    shipment.waybill_no,
    shipment.last_event,
    shipment.last_event_at,
    last_sign.event_id as sign_event,
    array(
        select shipment_waybill.waybill_no
        from tracking.shipment_waybill
        where shipment_waybill.shipment_id = shipment.shipment_id
    ) as waybills
from tracking.order_shipment
inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
left join lateral (
    select status_change.event_id
    from tracking.status_change
    where
        shipment.status = 'signed'
        and status_change.shipment_id = shipment.shipment_id
        and status_change.to_status = 'signed'
    order by status_change.detected_at desc, status_change.occurred_at desc
    limit 1
) as last_sign on true
where
    order_shipment.order_id = any(:orders)
    and order_shipment.superseded_at is null
order by
    order_shipment.order_id,
    shipment.shipment_id
