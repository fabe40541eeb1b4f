-- The notices are known as sent, even those that were overtaken on their way, and the stalls they
-- tell of as alerted. What was claimed anew since is left to its new owner.
with told as (
    select
        notification.notification_id,
        claim.reason
    from
        unnest(
            cast(:notices as bigint[]),
            cast(:tokens as bigint[]),
            cast(:reasons as text[])
        ) as claim (notification_id, lease_token, reason)
    inner join tracking.notification
        on
            claim.notification_id = notification.notification_id
            and claim.lease_token = notification.lease_token
    order by notification.notification_id
    for update of notification
),

sent as (
    update tracking.notification
    set
        state = 'sent',
        reason = told.reason,
        attempts = notification.attempts + 1,
        sent_at = :now,
        last_error = null,
        lease_owner = null,
        lease_until = null
    from told
    where notification.notification_id = told.notification_id
    returning
        notification.notification_id,
        notification.event_id
),

alerted as (
    update tracking.stall
    set alerted_at = :now
    from sent
    where
        stall.event_id = sent.event_id
        and stall.alerted_at is null
)

select sent.notification_id
from sent
