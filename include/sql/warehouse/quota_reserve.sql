-- The caller owns as many of the next call times as it asked for; nobody else will be given them.
update tracking.api_quota
set
    next_at
    = greatest(next_at, blocked_until, clock_timestamp()) + :slots * spacing * interval '1 second'
where
    gateway = :gateway
    and app_key = :app_key
    and share = :share
    and (blocked_until is null or blocked_until < clock_timestamp() + interval '1 minute')
returning
    spacing,
    extract(epoch from next_at - clock_timestamp())::double precision - :slots * spacing as wait
