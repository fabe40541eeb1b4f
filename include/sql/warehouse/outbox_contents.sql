-- All that a message may say of the notices: their parcels, changes and stalls, and the orders
-- that wait for the parcel, or did when none does any more.
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
    coalesce(notification.from_status, status_change.from_status) as from_status,
    status_change.to_status,
    case
        when status_change.to_status = 'signed'
            then coalesce(shipment.signed_at, status_change.occurred_at)
        else status_change.occurred_at
    end as occurred_at,
    status_change.detected_at,
    stall.stage,
    stall.since,
    stall.threshold_hours,
    coalesce(stall.cleared_at, :now) as stalled_until,
    served.platform,
    coalesce(served.waiting, served.orders, '[]') as orders,
    served.waiting is not null as is_awaited
from tracking.notification
inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
left join tracking.status_change on notification.event_id = status_change.event_id
left join tracking.stall
    on notification.event_id in (stall.event_id, stall.cleared_event_id)
left join lateral (
    select
        min(known.platform) as platform,
        jsonb_agg(known.named order by known.erp_key) as orders,
        jsonb_agg(known.named order by known.erp_key) filter (where known.waits) as waiting
    from (
        select
            tracked_order.platform,
            erp_row.erp_key,
            jsonb_build_object(
                'erp_key', erp_row.erp_key,
                'platform_order_id', tracked_order.platform_order_id
            ) as named,
            order_shipment.superseded_at is null
            and (erp_row.closed_at is null or erp_row.close_reason = 'signed') as waits
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
                        and (
                            shipment_waybill.waybill_no = erp_row.waybill_no
                            or tracking.fold_waybill(shipment_waybill.waybill_no)
                            = tracking.fold_waybill(erp_row.waybill_no)
                        )
                )
            )
    ) as known
) as served on true
where notification.notification_id = any(:notices)
