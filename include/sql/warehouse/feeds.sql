-- name: advance
-- The feed was read at least so far; it is never read less far than before.
update tracking.feed
set cursor_at = greatest(cursor_at, :until)
where account = :account;


-- name: trust
-- The feed was read to its end and is trusted; what polls found long enough before and no feed
-- reported since is counted as missed.
with missed as (
    select tracked_order.order_id
    from tracking.tracked_order
    where
        tracked_order.account = :account
        and tracked_order.unreported_at <= :now - :overlap
    order by tracked_order.order_id
    for update
),

counted as (
    update tracking.tracked_order
    set unreported_at = null
    from missed
    where tracked_order.order_id = missed.order_id
    returning tracked_order.order_id
)

update tracking.feed
set
    trusted_since = coalesce(feed.trusted_since, :now),
    missed = feed.missed + (select count(*) from counted),
    last_error = null
where feed.account = :account
returning (select count(*) from counted) as missed;


-- name: find
-- Which feed of the account is read, and how far.
select
    feed,
    cursor_at
from tracking.feed
where account = :account;


-- name: start
-- The account's feed begins now; nothing is known of what it reported before.
insert into tracking.feed as known (account, feed, cursor_at)
values (:account, :feed, :now)
on conflict (account) do update
    set
        feed = excluded.feed,
        cursor_at = greatest(known.cursor_at, excluded.cursor_at),
        trusted_since = null;


-- name: delete
-- The account has no feed.
delete from tracking.feed
where account = :account;


-- name: lock
-- The account's feed is locked until the transaction ends, before any of its orders: whoever
-- changes both does so in this order.
select account
from tracking.feed
where account = :account
for update;


-- name: report
-- Every open order of which the feed tells something new is due; one without a known parcel, and
-- one of a feed of orders, for its parcels too.
with reported as (
    select
        tracked_order.order_id,
        max(told.changed_at) as changed_at
    from
        unnest(cast(:orders as text[]), cast(:changed as timestamptz[]))
            as told (platform_order_id, changed_at)
    inner join tracking.tracked_order on told.platform_order_id = tracked_order.platform_order_id
    where
        tracked_order.closed_at is null
        and tracked_order.platform = any(:platforms)
        and (tracked_order.account = :account or not :own_orders)
        and (tracked_order.changed_at is null or tracked_order.changed_at < told.changed_at)
    group by tracked_order.order_id
),

held as (
    select
        tracked_order.order_id,
        reported.changed_at
    from tracking.tracked_order
    inner join reported on tracked_order.order_id = reported.order_id
    order by tracked_order.order_id
    for update of tracked_order
),

due as (
    update tracking.tracked_order
    set
        changed_at = greatest(tracked_order.changed_at, held.changed_at),
        reported_at = greatest(:now, held.changed_at),
        unreported_at = null,
        next_poll_at = case
            when tracked_order.next_poll_at > :now then :now
            else tracked_order.next_poll_at
        end,
        ask_parcels_at = case
            when
                tracked_order.ask_parcels_at > :now
                and (tracked_order.parcels_asked_at is null or :own_orders)
                then :now
            else tracked_order.ask_parcels_at
        end
    from held
    where tracked_order.order_id = held.order_id
    returning tracked_order.order_id
),

counted as (
    update tracking.feed
    set reported = feed.reported + (select count(*) from due)
    where feed.account = :account
)

select count(*)
from due;


-- name: distrust
-- The feed is not trusted until it is read to its end again; tells whether it was.
with before as (
    select
        feed.account,
        feed.trusted_since is not null as was_trusted
    from tracking.feed
    where feed.account = :account
    for update
)

update tracking.feed
set
    trusted_since = null,
    last_error = :reason
from before
where feed.account = before.account
returning before.was_trusted;


-- name: usual_pace
-- The open orders of the account, locked: their times are to be planned anew. What polls found and
-- the feed did not report yet is no longer held against it.
with held as (
    select tracked_order.order_id
    from tracking.tracked_order
    where
        tracked_order.account = :account
        and tracked_order.closed_at is null
    order by tracked_order.order_id
    for update
)

update tracking.tracked_order
set unreported_at = null
from held
where tracked_order.order_id = held.order_id
returning tracked_order.order_id;
