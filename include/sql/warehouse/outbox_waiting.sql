-- How many notices wait for one channel, and why its newest try failed, if it did.
with waiting as (
    select
        last_error,
        case
            when attempts > 0
                then
                    due_at
                    - cast(:first_pause as interval) * power(2, attempts - 1)
        end as failed_at
    from tracking.notification
    where
        audience = :audience
        and channel = :channel
        and state = 'pending'
        and digest = :digest
),

sent as (
    select coalesce(max(sent_at), '-infinity') as last_at
    from tracking.notification
    where
        audience = :audience
        and channel = :channel
        and state = 'sent'
)

select
    count(*) as notices,
    max(waiting.last_error) filter (where waiting.failed_at > sent.last_at) as last_error
from waiting
cross join sent
