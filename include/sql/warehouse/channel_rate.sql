-- name: reserve
-- The next time to send to a receiver is the caller's, nobody else is given it; none while the
-- receiver wants no messages.
insert into tracking.api_quota as quota (gateway, app_key, share, spacing, next_at)
values (
    'channel',
    :receiver,
    'all',
    :spacing,
    clock_timestamp() + :spacing * interval '1 second'
)
on conflict (gateway, app_key, share) do update
    set
        spacing = excluded.spacing,
        next_at
        = greatest(quota.next_at, clock_timestamp()) + excluded.spacing * interval '1 second'
    where quota.blocked_until is null or quota.blocked_until <= clock_timestamp()
returning
    extract(epoch from quota.next_at - clock_timestamp())::double precision
    - quota.spacing as wait;


-- name: block
-- Nobody sends to the receiver for so many seconds from now, or longer if it was so before.
insert into tracking.api_quota as quota (
    gateway,
    app_key,
    share,
    spacing,
    next_at,
    blocked_until
)
values (
    'channel',
    :receiver,
    'all',
    0,
    clock_timestamp(),
    clock_timestamp() + :seconds * interval '1 second'
)
on conflict (gateway, app_key, share) do update
    set blocked_until = greatest(quota.blocked_until, excluded.blocked_until);
