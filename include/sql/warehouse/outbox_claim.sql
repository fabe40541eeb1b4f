-- The next due notices of one channel are the owner's until the lease runs out. Of a parcel only
-- the newest is taken, and none while another one is under way.
with due as (
    select notification.notification_id
    from tracking.notification
    inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
    where
        notification.audience = :audience
        and notification.channel = :channel
        and notification.state = 'pending'
        and notification.digest = :digest
        and notification.due_at <= :now
        and shipment.account = any(:accounts)
        and (
            notification.lease_until is null
            or notification.lease_until < clock_timestamp()
        )
        and (
            notification.digest
            or not exists (
                select 1
                from tracking.notification as other
                where
                    other.shipment_id = notification.shipment_id
                    and other.audience = notification.audience
                    and other.channel = notification.channel
                    and not other.digest
                    and other.notification_id <> notification.notification_id
                    and (
                        other.notification_id > notification.notification_id
                        or other.lease_until >= clock_timestamp()
                    )
            )
        )
    order by
        notification.due_at,
        notification.notification_id
    limit :most
    for update of notification skip locked
)

update tracking.notification
set
    lease_owner = :owner,
    lease_until = clock_timestamp() + :lease,
    lease_token = notification.lease_token + 1
from due
where notification.notification_id = due.notification_id
returning
    notification.notification_id,
    notification.lease_token,
    notification.event_id,
    notification.reason,
    notification.due_at
