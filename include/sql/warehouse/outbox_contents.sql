-- All that a message may say of the notices: their parcels, orders, changes and stalls.
select
    notification.notification_id,
    notification.event_id,
    notification.created_at,
    shipment.account,
    shipment.consignment_id,
    shipment.waybill_no,
    shipment.carrier_name,
    shipment.status,
    shipment.sign_kind,
    shipment.last_event as latest_trace,
    status_change.from_status,
    status_change.to_status,
    status_change.occurred_at,
    status_change.detected_at,
    stall.stage,
    stall.since,
    stall.threshold_hours,
    coalesce(stall.cleared_at, :now) as stalled_until,
    served.platform,
    coalesce(served.orders, '[]') as orders
from tracking.notification
inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
left join tracking.status_change on notification.event_id = status_change.event_id
left join tracking.stall
    on notification.event_id in (stall.event_id, stall.cleared_event_id)
left join lateral (
    select
        min(tracked_order.platform) as platform,
        jsonb_agg(
            jsonb_build_object(
                'erp_key', erp_row.erp_key,
                'platform_order_id', tracked_order.platform_order_id
            )
            order by erp_row.erp_key
        ) as orders
    from tracking.order_shipment
    inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
    inner join tracking.erp_row on tracked_order.order_id = erp_row.order_id
    where
        order_shipment.shipment_id = shipment.shipment_id
        and (
            erp_row.waybill_no is null
            or exists (
                select 1
                from tracking.shipment_waybill
                where
                    shipment_waybill.shipment_id = shipment.shipment_id
                    and shipment_waybill.waybill_no = erp_row.waybill_no
            )
        )
) as served on true
where notification.notification_id = any(:notices)
