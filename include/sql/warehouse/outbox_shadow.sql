-- What is due and under no lease is not sent, then or later: sending was not allowed when it was due.
with due as (
    select notification.notification_id
    from tracking.notification
    inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
    where
        notification.state = 'pending'
        and notification.digest = :digest
        and notification.due_at <= :now
        and shipment.account = any(:accounts)
        and (
            notification.lease_until is null
            or notification.lease_until < clock_timestamp()
        )
    order by notification.notification_id
    for update of notification skip locked
)

update tracking.notification
set
    state = 'suppressed',
    reason = 'shadow'
from due
where notification.notification_id = due.notification_id
returning notification.notification_id
