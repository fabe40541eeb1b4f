-- The parcels of the orders are ours until the transaction ends, locked in id order.
select shipment.shipment_id
from tracking.shipment
where
    shipment.shipment_id in (
        select order_shipment.shipment_id
        from tracking.order_shipment
        where order_shipment.order_id = any(:orders)
    )
order by shipment.shipment_id
for update
