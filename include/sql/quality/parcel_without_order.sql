-- severity: error
-- Every parcel belongs to an order.
select
    shipment.shipment_id,
    shipment.account,
    shipment.consignment_id
from tracking.shipment
where
    not exists (
        select 1
        from tracking.order_shipment
        where order_shipment.shipment_id = shipment.shipment_id
    )
