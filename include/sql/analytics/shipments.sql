-- One row per parcel and order: a parcel that serves two orders stands here twice.
create or replace view analytics.shipments as
select
    shipment.shipment_id,
    tracked_order.platform,
    shipment.account,
    tracked_order.platform_order_id,
    shipment.consignment_id,
    shipment.waybill_no,
    shipment.carrier_code,
    shipment.carrier_name,
    shipment.status,
    shipment.sign_kind,
    shipment.signed_at,
    shipment.first_event_at,
    shipment.last_event_at,
    shipment.last_event,
    shipment.event_count
from tracking.shipment
inner join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
