-- name: page
-- The next orders that were closed before the time given and still have their parcels.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.closed_at < :before
    and tracked_order.parcels_asked_at < :before
    and tracked_order.order_id > coalesce(cast(:after as bigint), 0)
order by tracked_order.order_id
limit :most;


-- name: orders
-- Those of the orders whose parcels may be deleted are ours until the transaction ends: closed,
-- not polled since the time given, and nothing of them is under way.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.order_id = any(:orders)
    and tracked_order.closed_at < :before
    and tracked_order.parcels_asked_at < :before
    and (tracked_order.last_polled_at is null or tracked_order.last_polled_at < :before)
    and tracked_order.backfill_at is null
    and tracking.is_free(tracked_order.lease_until)
    and not exists (
        select 1
        from tracking.erp_row
        where
            erp_row.order_id = tracked_order.order_id
            and (
                erp_row.listed
                or erp_row.closed_at is null
                or (
                    erp_row.last_error is null
                    and erp_row.sign_event is not null
                    and erp_row.sign_event is distinct from erp_row.settled_event
                )
            )
    )
    and not exists (
        select 1
        from tracking.trace_reply
        where
            trace_reply.order_id = tracked_order.order_id
            and trace_reply.loaded_at is null
            and trace_reply.quarantined_at is null
    )
    and not exists (
        select 1
        from tracking.order_shipment
        inner join tracking.notification
            on order_shipment.shipment_id = notification.shipment_id
        where
            order_shipment.order_id = tracked_order.order_id
            and notification.state = 'pending'
            and notification.due_at is not null
    )
    and not exists (
        select 1
        from tracking.order_shipment
        inner join tracking.stall on order_shipment.shipment_id = stall.shipment_id
        where
            order_shipment.order_id = tracked_order.order_id
            and stall.cleared_at is null
    )
order by tracked_order.order_id
for update of tracked_order skip locked;


-- name: lock_parcels
-- The parcels of the orders are ours until the transaction ends, locked in id order.
select shipment.shipment_id
from tracking.shipment
where
    shipment.shipment_id in (
        select order_shipment.shipment_id
        from tracking.order_shipment
        where order_shipment.order_id = any(:orders)
    )
order by shipment.shipment_id
for update;


-- name: reset_orders
-- The orders have no parcels, replies and rejected steps, and would begin anew if they came back.
with replies as (
    delete from tracking.trace_reply
    where
        trace_reply.order_id = any(:orders)
        and (trace_reply.loaded_at is not null or trace_reply.quarantined_at is not null)
),

links as (
    delete from tracking.order_shipment
    where order_shipment.order_id = any(:orders)
),

rejected as (
    delete from tracking.rejected_event
    where rejected_event.order_id = any(:orders)
),

forgotten as (
    update tracking.tracked_order
    set
        pruned_at = :now,
        fingerprint = null,
        traces_seen_at = null,
        parcels_asked_at = null,
        ask_parcels_at = :now,
        next_poll_at = null
    where tracked_order.order_id = any(:orders)
    returning tracked_order.order_id
)

select count(*) as orders
from forgotten;


-- name: delete_parcels
-- Parcels that belong to no order any more are gone, with all that was known of them.
with lone as (
    select parcel.shipment_id
    from unnest(cast(:shipments as bigint[])) as parcel (shipment_id)
    where
        not exists (
            select 1
            from tracking.order_shipment
            where order_shipment.shipment_id = parcel.shipment_id
        )
),

notices as (
    delete from tracking.notification
    using lone
    where notification.shipment_id = lone.shipment_id
),

stalls as (
    delete from tracking.stall
    using lone
    where stall.shipment_id = lone.shipment_id
),

events as (
    delete from tracking.trace_event
    using lone
    where trace_event.shipment_id = lone.shipment_id
    returning trace_event.shipment_id
),

changes as (
    delete from tracking.status_change
    using lone
    where status_change.shipment_id = lone.shipment_id
    returning status_change.event_id
),

waybills as (
    delete from tracking.shipment_waybill
    using lone
    where shipment_waybill.shipment_id = lone.shipment_id
),

parcels as (
    delete from tracking.shipment
    using lone
    where shipment.shipment_id = lone.shipment_id
    returning shipment.shipment_id
)

select
    (select count(*) from parcels) as parcels,
    (select count(*) from events) as events,
    (select count(*) from changes) as changes;


-- name: replies
-- Of a page of replies those are gone that were loaded before the time given and are not their
-- order's newest loaded one. The last one's id leads to the next page; none once replies are young.
with page as (
    select
        trace_reply.reply_id,
        trace_reply.order_id,
        trace_reply.fetched_at,
        trace_reply.loaded_at
    from tracking.trace_reply
    where trace_reply.reply_id > coalesce(cast(:after as bigint), 0)
    order by trace_reply.reply_id
    limit :most
),

pruned as (
    delete from tracking.trace_reply
    using page
    where
        trace_reply.reply_id = page.reply_id
        and page.loaded_at < :before
        and exists (
            select 1
            from tracking.trace_reply as newer
            where
                newer.order_id = page.order_id
                and newer.reply_id > page.reply_id
                and newer.loaded_at is not null
        )
    returning trace_reply.reply_id
)

select
    (select count(*) from pruned) as replies,
    case when min(page.fetched_at) < :before then max(page.reply_id) end as last
from page;


-- name: notices
-- Of a page of notices those are gone that were made before the time given and wait no more, if no
-- order of their parcel is open and their alert or stall is over, as its end goes to the channels
-- that got them. The last one's id leads to the next page; none at the end.
with page as (
    select
        notification.notification_id,
        notification.created_at
    from tracking.notification
    where notification.notification_id > coalesce(cast(:after as bigint), 0)
    order by notification.notification_id
    limit :most
),

pruned as (
    delete from tracking.notification
    using page
    where
        notification.notification_id = page.notification_id
        and notification.created_at < :before
        and notification.state <> 'pending'
        and tracking.is_free(notification.lease_until)
        and not exists (
            select 1
            from tracking.order_shipment
            inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
            where
                order_shipment.shipment_id = notification.shipment_id
                and tracked_order.closed_at is null
        )
        and not exists (
            select 1
            from tracking.alert
            where
                alert.event_id = notification.event_id
                and alert.cleared_at is null
        )
        and not exists (
            select 1
            from tracking.stall
            where
                stall.event_id = notification.event_id
                and stall.cleared_at is null
        )
    returning notification.notification_id
)

select
    (select count(*) from pruned) as notices,
    case when min(page.created_at) < :before then max(page.notification_id) end as last
from page;


-- name: runs
-- A batch of the runs that began before the time given is gone, with their calls; so are a few
-- replays with the differences they found.
with replays as (
    select replay.run_id
    from tracking.replay
    where replay.started_at < :before
    order by replay.run_id
    limit 20
),

differences as (
    delete from tracking.replay_difference
    using replays
    where replay_difference.run_id = replays.run_id
),

past_replays as (
    delete from tracking.replay
    using replays
    where replay.run_id = replays.run_id
),

page as (
    select run.run_id
    from tracking.run
    where
        run.started_at < :before
        and run.run_id > coalesce(cast(:after as text), '')
    order by run.run_id
    limit :most
),

calls as (
    delete from tracking.api_usage
    using page
    where api_usage.run_id = page.run_id
),

pruned as (
    delete from tracking.run
    using page
    where run.run_id = page.run_id
    returning run.run_id
)

select
    (select count(*) from pruned) as runs,
    max(page.run_id) as last
from page;


-- name: acts
-- Of a page of acts those are gone that were done before the time given, unless their order is open
-- or stopped by hand. The last one's id leads to the next page; none once acts are young.
with page as (
    select
        act.act_id,
        act.order_id,
        act.acted_at
    from tracking.act
    where act.act_id > coalesce(cast(:after as bigint), 0)
    order by act.act_id
    limit :most
),

pruned as (
    delete from tracking.act
    using page
    where
        act.act_id = page.act_id
        and page.acted_at < :before
        and not exists (
            select 1
            from tracking.erp_row
            where
                erp_row.order_id = page.order_id
                and (
                    erp_row.closed_at is null
                    or (erp_row.close_reason = 'stopped' and erp_row.listed)
                )
        )
    returning act.act_id
)

select
    (select count(*) from pruned) as acts,
    case when min(page.acted_at) < :before then max(page.act_id) end as last
from page;


-- name: tokens
-- A batch of the token pairs whose refresh token ended before the time given is gone, and so are
-- rows whose renewal came to nothing.
with page as (
    select token.pair
    from tracking.token
    where
        coalesce(token.refresh_expires_at, token.lease_until) < :before
        and (token.refresh_expires_at is not null or token.secret is null)
        and tracking.is_free(token.lease_until)
        and token.pair > coalesce(cast(:after as text), '')
    order by token.pair
    limit :most
    for update skip locked
),

pruned as (
    delete from tracking.token
    using page
    where token.pair = page.pair
    returning token.pair
)

select
    (select count(*) from pruned) as tokens,
    max(page.pair) as last
from page;
