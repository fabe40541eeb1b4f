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
returning (select count(*) from counted) as missed
