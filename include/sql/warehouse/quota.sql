-- name: register
-- This connection is known to use the app key; the slowest connection of the last day sets the
-- spacing of the row that all of them share, and of the row that lets backfills have a fifth.
with seen as (
    insert into tracking.api_quota_account (gateway, app_key, account, qps, seen_at)
    values (:gateway, :app_key, :account, :qps, clock_timestamp())
    on conflict (gateway, app_key, account) do update
        set
            qps = excluded.qps,
            seen_at = excluded.seen_at
),

slowest as (
    select least(:qps, min(qps)) as qps
    from tracking.api_quota_account
    where
        gateway = :gateway
        and app_key = :app_key
        and account <> :account
        and seen_at > clock_timestamp() - interval '1 day'
)

insert into tracking.api_quota as quota (gateway, app_key, share, spacing, next_at)
select
    :gateway,
    :app_key,
    share.name,
    share.factor * 1.04 / slowest.qps,
    clock_timestamp()
from slowest
cross join (values ('all', 1), ('backfill', 5)) as share (name, factor)
order by share.name
on conflict (gateway, app_key, share) do update
    set spacing = excluded.spacing;


-- name: reserve
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
    extract(epoch from next_at - clock_timestamp())::double precision - :slots * spacing as wait;


-- name: blocked_until
-- Until when the platform wants no call of this app key.
select blocked_until
from tracking.api_quota
where
    gateway = :gateway
    and app_key = :app_key
    and share = 'all';


-- name: block
-- Nobody who shares the app key calls for so many seconds from now, or longer if it was so before.
update tracking.api_quota
set
    blocked_until
    = greatest(blocked_until, clock_timestamp() + :seconds * interval '1 second')
where
    gateway = :gateway
    and app_key = :app_key;
