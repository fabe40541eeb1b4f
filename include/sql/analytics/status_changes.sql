-- Every change of a parcel's status; announced: a notice of it was written to be sent.
create or replace view analytics.status_changes as
select
    tracked_order.platform,
    shipment.account,
    tracked_order.platform_order_id,
    shipment.consignment_id,
    shipment.waybill_no,
    status_change.from_status,
    status_change.to_status,
    status_change.occurred_at,
    status_change.detected_at,
    exists(
        select 1
        from tracking.notification
        where
            notification.event_id = status_change.event_id
            and notification.state <> 'suppressed'
    ) as announced
from tracking.status_change
inner join tracking.shipment on status_change.shipment_id = shipment.shipment_id
inner join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
