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
from due
