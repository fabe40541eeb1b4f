-- What the channel refused since it last took a message, before now, is due now that it takes them
-- again. What it refused beside messages that it took, or asked to wait for, keeps its pause.
with waiting as (
    select
        notification_id,
        due_at - cast(:first_pause as interval) * power(2, attempts - 1) as failed_at
    from tracking.notification
    where
        audience = :audience
        and channel = :channel
        and state = 'pending'
        and digest = :digest
        and attempts > 0
        and due_at > :now
),

taken as (
    select coalesce(max(sent_at), '-infinity') as last_at
    from tracking.notification
    where
        audience = :audience
        and channel = :channel
        and state = 'sent'
        and digest = :digest
        and sent_at < :now
)

update tracking.notification
set due_at = :now
from waiting
cross join taken
where
    notification.notification_id = waiting.notification_id
    and waiting.failed_at > taken.last_at
    and waiting.failed_at < :now
