-- name: daily
-- What parcels did on the days of the report, by account and carrier.
select
    day,
    account,
    carrier_code,
    carrier_name,
    shipped,
    picked_up,
    signed,
    failed,
    returned,
    exceptions
from analytics.delivery_daily
where
    day > cast(:day as date) - cast(:days as integer)
    and day <= cast(:day as date)
order by
    day,
    account,
    carrier_code,
    carrier_name;


-- name: exceptions
-- Each parcel that got into trouble on the day, once for each status, with the orders that wait for
-- it; the newest first. Cancelled and superseded ones are left out, as in the daily numbers.
select
    shipment.account,
    (
        select string_agg(distinct erp_row.erp_key, ', ')
        from tracking.order_shipment
        inner join tracking.erp_row on order_shipment.order_id = erp_row.order_id
        where
            order_shipment.shipment_id = shipment.shipment_id
            and order_shipment.superseded_at is null
    ) as erp_keys,
    (
        select string_agg(distinct tracked_order.platform_order_id, ', ')
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        where
            order_shipment.shipment_id = shipment.shipment_id
            and order_shipment.superseded_at is null
    ) as platform_order_ids,
    shipment.waybill_no,
    shipment.carrier_name,
    trouble.became,
    trouble.occurred_at,
    shipment.status as status_now,
    shipment.last_event
from (
    select
        status_change.shipment_id,
        status_change.to_status as became,
        max(status_change.occurred_at) as occurred_at
    from tracking.status_change
    where
        status_change.to_status in ('exception', 'delivery_failed', 'returning', 'returned')
        and status_change.occurred_at >= :day_begins
        and status_change.occurred_at < :day_ends
    group by
        status_change.shipment_id,
        status_change.to_status
) as trouble
inner join tracking.shipment on trouble.shipment_id = shipment.shipment_id
where
    shipment.status <> 'cancelled'
    and exists (
        select 1
        from tracking.order_shipment
        where
            order_shipment.shipment_id = shipment.shipment_id
            and order_shipment.superseded_at is null
    )
order by
    trouble.occurred_at desc,
    shipment.shipment_id asc,
    trouble.became asc
limit :most;


-- name: slowest_carriers
-- The carriers by their hours from pick-up to a confirmed signature, over the parcels signed in the
-- days until the report's day; the slowest first. Carriers with few of them are left out.
select
    shipment.carrier_code,
    max(shipment.carrier_name) as carrier_name,
    count(*) as parcels,
    percentile_disc(0.5) within group (
        order by
            cast(extract(epoch from shipment.signed_at - shipment.picked_up_at) / 3600 as float)
    ) as hours_p50,
    percentile_disc(0.9) within group (
        order by
            cast(extract(epoch from shipment.signed_at - shipment.picked_up_at) / 3600 as float)
    ) as hours_p90
from tracking.shipment
where
    shipment.sign_confirmed_at is not null
    and shipment.signed_at >= cast(:day_ends as timestamptz) - cast(:span as interval)
    and shipment.signed_at < :day_ends
    and shipment.picked_up_at <= shipment.signed_at
    and shipment.status <> 'cancelled'
    and exists (
        select 1
        from tracking.order_shipment
        where
            order_shipment.shipment_id = shipment.shipment_id
            and order_shipment.superseded_at is null
    )
group by
    shipment.carrier_code,
    case when shipment.carrier_code is null then shipment.carrier_name end
having count(*) >= :fewest
order by
    hours_p50 desc,
    hours_p90 desc,
    carrier_name asc;


-- name: stages
-- For each stage the stalls that were open at the end of the day, and those that began and ended on
-- it; the most open first.
select
    stage,
    count(*) filter (where cleared_at is null or cleared_at >= :day_ends) as still_open,
    count(*) filter (where opened_at >= :day_begins) as opened,
    count(*) filter (where cleared_at < :day_ends) as cleared,
    min(since) filter (where cleared_at is null or cleared_at >= :day_ends) as oldest_since
from tracking.stall
where
    opened_at < :day_ends
    and (cleared_at is null or cleared_at >= :day_begins)
group by stage
order by
    still_open desc,
    stage asc;


-- name: stalls
-- The parcels that were stalled at the end of the day, for the longest time first.
select
    stall.stage,
    shipment.account,
    (
        select string_agg(distinct erp_row.erp_key, ', ')
        from tracking.order_shipment
        inner join tracking.erp_row on order_shipment.order_id = erp_row.order_id
        where order_shipment.shipment_id = shipment.shipment_id
    ) as erp_keys,
    (
        select string_agg(distinct tracked_order.platform_order_id, ', ')
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        where order_shipment.shipment_id = shipment.shipment_id
    ) as platform_order_ids,
    shipment.waybill_no,
    shipment.carrier_name,
    stall.since,
    stall.opened_at,
    shipment.last_event
from tracking.stall
inner join tracking.shipment on stall.shipment_id = shipment.shipment_id
where
    stall.opened_at < :day_ends
    and (stall.cleared_at is null or stall.cleared_at >= :day_ends)
order by
    stall.since,
    stall.stall_id
limit :most;


-- name: alerts
-- The pipeline's own troubles that lasted on the day, the worst and oldest first.
select
    kind,
    account,
    subject,
    severity,
    opened_at,
    case when cleared_at < :day_ends then cleared_at end as cleared_at,
    detail
from tracking.alert
where
    opened_at < :day_ends
    and (cleared_at is null or cleared_at >= :day_begins)
order by
    severity <> 'critical',
    opened_at,
    alert_id
limit :most;


-- name: runs
-- What the runs that began on the day did, together; what was left over by the last of them.
select
    count(*) as runs,
    cast(coalesce(sum(polled), 0) as bigint) as polled,
    cast(coalesce(sum(events_new), 0) as bigint) as events_new,
    cast(coalesce(sum(changes), 0) as bigint) as changes,
    cast(coalesce(sum(signed), 0) as bigint) as signed,
    cast(coalesce(sum(notices_sent), 0) as bigint) as notices_sent,
    cast(coalesce(sum(failed_orders), 0) as bigint) as failed_orders,
    coalesce((array_agg(left_over order by started_at desc))[1], 0) as left_over,
    coalesce((array_agg(untracked order by started_at desc))[1], 0) as untracked
from tracking.run
where
    started_at >= :day_begins
    and started_at < :day_ends;


-- name: freshness
-- How quickly changes were found on the day, and signatures written to the ERP, in minutes.
select
    account,
    changes,
    detection_p50,
    detection_p95,
    signatures_written,
    sign_to_erp_p50,
    sign_to_erp_p95
from analytics.freshness
where
    day = cast(:day as date)
    and changes + signatures_written > 0
order by account;


-- name: differences
-- On how many ERP rows the warehouse and the ERP do not agree now, by kind; the most first.
select
    difference,
    count(*) as erp_rows
from analytics.erp_reconciliation
group by difference
order by
    erp_rows desc,
    difference asc;


-- name: reconciliation
-- The ERP rows on which the warehouse and the ERP do not agree now, the oldest first.
select
    difference,
    account,
    erp_key,
    platform_order_id,
    status,
    signed_at,
    outcome,
    detail,
    since
from analytics.erp_reconciliation
order by
    since,
    erp_key
limit :most;


-- name: address
-- The report has a notice for each channel that wants it; what waits for a channel that is gone, or
-- of a day that is too long ago, does not wait any more.
with useless as (
    select notification.notification_id
    from tracking.notification
    where
        notification.state = 'pending'
        and notification.reason = 'report'
        and tracking.is_free(notification.lease_until)
        and (
            notification.event_id <> all(cast(:events as uuid[]))
            or (
                notification.channel <> all(cast(:channels as text[]))
                and not cast(:is_broken as boolean)
            )
        )
    order by notification.notification_id
    for update of notification skip locked
),

suppressed as (
    update tracking.notification
    set
        state = 'suppressed',
        reason = 'no channel'
    from useless
    where notification.notification_id = useless.notification_id
)

insert into tracking.notification (
    event_id, audience, channel, reason, state, digest, created_at, due_at
)
select
    cast(:event_id as uuid) as event_id,
    'ops' as audience,
    channel.name,
    'report' as reason,
    'pending' as state,
    true as digest,
    :now as created_at,
    :now as due_at
from unnest(cast(:channels as text[])) as channel (name)
where cast(:event_id as uuid) = any(cast(:events as uuid[]))
order by channel.name
on conflict (event_id, audience, channel) do nothing;


-- name: due
-- The next due reports for one channel that nobody holds, locked.
select
    notification_id,
    event_id,
    reason
from tracking.notification
where
    reason = 'report'
    and audience = :audience
    and channel = :channel
    and state = 'pending'
    and due_at <= :now
    and reason <> all(cast(:held_back as text[]))
    and tracking.is_free(lease_until)
order by
    due_at,
    notification_id
limit :most
for update skip locked;


-- name: waiting
-- How many reports wait for one channel, and why its newest try failed, if it did.
select
    count(*) as notices,
    (array_agg(last_error order by due_at desc) filter (where attempts > 0))[1] as last_error
from tracking.notification
where
    reason = 'report'
    and audience = :audience
    and channel = :channel
    and state = 'pending';


-- name: wanting
-- The channels of those given that have not had the report yet.
select channel.name
from unnest(cast(:channels as text[])) as channel (name)
where
    not exists (
        select 1
        from tracking.notification
        where
            notification.event_id = :event_id
            and notification.audience = 'ops'
            and notification.channel = channel.name
            and notification.state <> 'pending'
    )
order by channel.name;
