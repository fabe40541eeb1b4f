-- How many notices wait for one channel, and why the one that failed last did.
select
    count(*) as notices,
    (array_agg(last_error order by due_at desc) filter (where attempts > 0))[1] as last_error
from tracking.notification
where
    audience = :audience
    and channel = :channel
    and state = 'pending'
    and digest = :digest
