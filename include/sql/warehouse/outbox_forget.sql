-- No notice waits for a channel that is gone, unless it may only be out of sight.
with forgotten as (
    select notification.notification_id
    from tracking.notification
    inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
    where
        notification.state = 'pending'
        and notification.channel <> ''
        and notification.digest = :digest
        and shipment.account = any(:accounts)
        and not exists (
            select 1
            from
                jsonb_to_recordset(cast(:destinations as jsonb))
                    as destination (audience text, channel text)
            where
                destination.audience = notification.audience
                and destination.channel = notification.channel
        )
        and not exists (
            select 1
            from jsonb_to_recordset(cast(:broken as jsonb)) as broken (audience text)
            where broken.audience = notification.audience
        )
    order by notification.notification_id
    for update of notification skip locked
)

update tracking.notification
set
    state = 'suppressed',
    reason = 'no channel'
from forgotten
where notification.notification_id = forgotten.notification_id
returning notification.notification_id
