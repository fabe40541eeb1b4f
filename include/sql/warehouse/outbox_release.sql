-- The notices are free for anybody, as if they had not been claimed.
with unused as (
    select notification.notification_id
    from
        unnest(cast(:notices as bigint[]), cast(:tokens as bigint[]))
            as claim (notification_id, lease_token)
    inner join tracking.notification
        on
            claim.notification_id = notification.notification_id
            and claim.lease_token = notification.lease_token
    order by notification.notification_id
    for update of notification
)

update tracking.notification
set
    lease_owner = null,
    lease_until = null
from unused
where notification.notification_id = unused.notification_id
