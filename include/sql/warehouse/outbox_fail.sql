-- The notices wait twice as long after each failure, or as long as the receiver asked for; after
-- the last try they are dead.
with failed as (
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
    state = case
        when
            notification.state = 'pending' and notification.attempts + 1 >= :tries
            then 'dead'
        else notification.state
    end,
    attempts = notification.attempts + 1,
    last_error = :error,
    due_at = cast(:now as timestamptz)
    + greatest(
        cast(:first_pause as interval) * power(2, notification.attempts),
        cast(:retry_after as interval)
    ),
    lease_owner = null,
    lease_until = null
from failed
where notification.notification_id = failed.notification_id
returning notification.state
