-- One row per trace event and order of its parcel; the description is masked. Events that are
-- future-dated, of an earlier life of the waybill number, or withdrawn never lead.
create or replace view analytics.trace_events as
select
    trace_event.shipment_id,
    tracked_order.platform,
    shipment.account,
    tracked_order.platform_order_id,
    shipment.consignment_id,
    shipment.waybill_no,
    trace_event.occurred_at,
    trace_event.description,
    trace_event.city,
    trace_event.action,
    trace_event.status,
    trace_event.fetched_at,
    trace_event.decided_by,
    trace_event.future_dated,
    trace_event.earlier_life,
    trace_event.withdrawn_at
from tracking.trace_event
inner join tracking.shipment on trace_event.shipment_id = shipment.shipment_id
inner join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
