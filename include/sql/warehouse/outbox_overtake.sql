-- Of each parcel's notices to one channel only the newest waits.
with overtaken as (
    select older.notification_id
    from tracking.notification as older
    where
        older.state = 'pending'
        and older.channel <> ''
        and not older.digest
        and exists (
            select 1
            from tracking.notification as newer
            where
                newer.shipment_id = older.shipment_id
                and newer.audience = older.audience
                and newer.channel = older.channel
                and not newer.digest
                and newer.notification_id > older.notification_id
        )
    order by older.notification_id
    for update of older skip locked
)

update tracking.notification
set
    state = 'suppressed',
    reason = 'overtaken'
from overtaken
where notification.notification_id = overtaken.notification_id
returning notification.notification_id
