-- The orders that the parcels belong to.
select distinct order_id
from tracking.order_shipment
where shipment_id = any(:shipments)
