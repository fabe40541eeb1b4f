-- How many notices wait for one channel.
select count(*)
from tracking.notification
where
    audience = :audience
    and channel = :channel
    and state = 'pending'
    and digest = :digest
