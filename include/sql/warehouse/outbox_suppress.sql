-- The notices are not sent, for a reason; and if somebody has to mend something, it is said.
update tracking.notification
set
    state = 'suppressed',
    reason = :reason,
    last_error = coalesce(:error, notification.last_error),
    lease_owner = null,
    lease_until = null
from
    unnest(cast(:notices as bigint[]), cast(:tokens as bigint[]))
        as claim (notification_id, lease_token)
where
    notification.notification_id = claim.notification_id
    and notification.lease_token = claim.lease_token
    and notification.state = 'pending'
returning notification.notification_id
