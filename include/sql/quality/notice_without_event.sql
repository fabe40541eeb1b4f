-- severity: error
-- Every notice about a parcel names a status change, a stall or a delay; looks at a week's notices.
select
    notification.notification_id,
    notification.event_id,
    notification.reason
from tracking.notification
where
    notification.shipment_id is not null
    and notification.created_at > :now - interval '7 days'
    and not exists (
        select 1
        from tracking.status_change
        where status_change.event_id = notification.event_id
    )
    and not exists (
        select 1
        from tracking.stall
        where notification.event_id in (stall.event_id, stall.cleared_event_id)
    )
    and not exists (
        select 1
        from tracking.shipment_eta
        where
            shipment_eta.shipment_id = notification.shipment_id
            and shipment_eta.delay_event_id = notification.event_id
    )
