-- Every episode of a parcel standing still; open while cleared_at is null.
create or replace view analytics.stalls as
select
    tracked_order.platform,
    shipment.account,
    tracked_order.platform_order_id,
    shipment.consignment_id,
    shipment.waybill_no,
    stall.stage,
    stall.since,
    stall.threshold_hours,
    stall.opened_at,
    stall.cleared_at,
    stall.alerted_at
from tracking.stall
inner join tracking.shipment on stall.shipment_id = shipment.shipment_id
inner join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
