-- The parcels of routers that belong to the orders, carry one of the numbers or have one of the
-- ids, once for each of their orders and numbers.
with wanted as (
    select order_shipment.shipment_id
    from tracking.order_shipment
    where order_shipment.order_id = any(:orders)
    union
    select shipment_waybill.shipment_id
    from tracking.shipment_waybill
    where shipment_waybill.waybill_no = any(:numbers)
    union
    select shipment.shipment_id
    from tracking.shipment
    where
        shipment.account = any(:accounts)
        and shipment.consignment_id = any(:names)
)

select
    shipment.account,
    shipment.shipment_id,
    shipment.consignment_id,
    shipment.router_code,
    shipment.carrier_code,
    shipment_waybill.waybill_no,
    order_shipment.order_id,
    order_shipment.superseded_at is null and shipment.status <> 'cancelled' as is_live,
    coalesce(
        (
            select min(erp_row.shipped_at)
            from tracking.erp_row
            where erp_row.order_id = order_shipment.order_id
        ),
        tracked_order.first_seen_at
    ) as shipped_at
from wanted
inner join tracking.shipment on wanted.shipment_id = shipment.shipment_id
left join tracking.shipment_waybill on shipment.shipment_id = shipment_waybill.shipment_id
left join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
left join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
where
    shipment.account = any(:accounts)
    and shipment.router_code is not null
