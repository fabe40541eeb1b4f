-- Nobody who shares the app key calls for so many seconds from now, or longer if it was so before.
update tracking.api_quota
set
    blocked_until
    = greatest(blocked_until, clock_timestamp() + :seconds * interval '1 second')
where
    gateway = :gateway
    and app_key = :app_key
