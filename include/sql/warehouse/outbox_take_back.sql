-- Nothing is leased to the owner any more.
with held as (
    select notification.notification_id
    from tracking.notification
    where notification.lease_owner = :owner
    order by notification.notification_id
    for update
)

update tracking.notification
set
    lease_owner = null,
    lease_until = null
from held
where notification.notification_id = held.notification_id
