-- name: stage
-- There is an empty stage for where parcels stand, gone when the transaction ends.
create temporary table standing (
    shipment_id bigint primary key,
    stage text not null,
    since timestamptz not null,
    threshold_hours double precision not null,
    stood_hours double precision not null
) on commit drop;


-- name: gaps
-- How long parcels of each carrier stand in a stage, where enough is known.
select
    carrier_code,
    stage,
    p90_hours
from tracking.stage_gap
order by
    carrier_code,
    stage;


-- name: standing
-- The stage holds every parcel that somebody still waits for, with where it stands since when. A
-- sign that was withdrawn, by a contradiction or as a replay no longer reads it, counts for orders
-- too that were closed because they were signed. A text that no rule reads takes the place of the
-- stage once it was the newest for long enough. An open stall for want of a pick-up keeps its
-- beginning, also when the time of shipping is corrected. How long it stands is counted by the
-- calendar, or plainly where a run was told the hours.
-- The offsets let the planner start from what is open, else it reads all closed orders too.
with threshold as (
    select
        given.*
    from
        jsonb_to_recordset(cast(:thresholds as jsonb))
            as given (
                carrier_code text, stage text, hours double precision, by_calendar boolean
            )
),

clock as (
    select
        given.*
    from
        jsonb_to_recordset(cast(:spans as jsonb))
            as given (
                starts_at timestamptz,
                ends_at timestamptz,
                hours double precision,
                factor double precision
            )
),

withdrawn as (
    select shipment.shipment_id
    from tracking.shipment
    where
        shipment.sign_was_confirmed
        and shipment.status <> 'signed'
        and (
            shipment.status = any(:withdrawing)
            or exists (
                select 1
                from tracking.status_change
                where
                    status_change.shipment_id = shipment.shipment_id
                    and status_change.from_status = 'signed'
                    and status_change.run_id like 'replay_traces/%'
            )
        )
),

watched as (
    select own.shipment_id
    from tracking.tracked_order
    inner join lateral (
        select order_shipment.shipment_id
        from tracking.order_shipment
        where
            order_shipment.order_id = tracked_order.order_id
            and order_shipment.superseded_at is null
        order by order_shipment.shipment_id
        offset 0
    ) as own on true
    where tracked_order.closed_at is null
    union
    select withdrawn.shipment_id
    from withdrawn
),

awaited as (
    select
        watched.shipment_id,
        min(served.shipped_at) as shipped_at,
        min(served.first_seen_at) as first_seen_at,
        bool_or(served.is_open) as is_open,
        bool_or(served.may_reopen) as may_reopen
    from watched
    inner join lateral (
        select
            erp_row.shipped_at,
            order_shipment.first_seen_at,
            (
                tracked_order.closed_at is null
                and erp_row.closed_at is null
                and erp_row.signed_at is null
            ) as is_open,
            (tracked_order.closed_at is null or erp_row.close_reason = 'signed') as may_reopen
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        inner join tracking.erp_row on tracked_order.order_id = erp_row.order_id
        where
            order_shipment.shipment_id = watched.shipment_id
            and order_shipment.superseded_at is null
            and (
                erp_row.waybill_no is null
                or exists (
                    select 1
                    from tracking.waybills_named(watched.shipment_id, erp_row.waybill_no)
                )
            )
        order by order_shipment.order_id
        offset 0
    ) as served on true
    group by watched.shipment_id
),

staged as (
    select
        awaited.shipment_id,
        awaited.shipped_at,
        awaited.first_seen_at,
        awaited.is_open,
        shipment.status,
        shipment.carrier_code,
        shipment.first_event_at,
        coalesce(shipment.last_event_at, shipment.platform_status_since) as last_news_at,
        case
            when withdrawn.shipment_id is not null then 'sign_withdrawn'
            when shipment.status = 'unknown' then 'unknown'
            when shipment.status in ('pending', 'info_received') then 'pickup'
            when
                shipment.status in (
                    'picked_up', 'in_transit', 'out_for_delivery', 'ready_for_pickup'
                )
                and shipment.last_event_status = 'unknown'
                and shipment.last_event_at <= :now - :unknown_hours * interval '1 hour'
                then 'unknown'
            when shipment.status in ('picked_up', 'in_transit') then 'in_transit'
            else shipment.status
        end as stage
    from awaited
    inner join tracking.shipment on awaited.shipment_id = shipment.shipment_id
    left join withdrawn on awaited.shipment_id = withdrawn.shipment_id
    where
        (
            awaited.is_open
            or (awaited.may_reopen and withdrawn.shipment_id is not null)
        )
        and (cast(:only_account as text) is null or shipment.account = :only_account)
),

begun as (
    select
        staged.shipment_id,
        staged.stage,
        staged.carrier_code,
        coalesce(
            case
                when staged.stage = 'pickup'
                    then coalesce(running.since, staged.shipped_at, staged.first_event_at)
                when staged.stage in ('in_transit', 'out_for_delivery', 'unknown')
                    then staged.last_news_at
                else coalesce(became.occurred_at, staged.last_news_at)
            end,
            staged.first_seen_at
        ) as since
    from staged
    left join lateral (
        select max(status_change.occurred_at) as occurred_at
        from tracking.status_change
        where
            staged.stage not in ('pickup', 'in_transit', 'out_for_delivery', 'unknown')
            and status_change.shipment_id = staged.shipment_id
            and case
                when staged.stage = 'sign_withdrawn' then status_change.from_status = 'signed'
                else status_change.to_status = staged.status
            end
    ) as became on true
    left join lateral (
        select min(stall.since) as since
        from tracking.stall
        where
            staged.stage = 'pickup'
            and stall.shipment_id = staged.shipment_id
            and stall.stage = 'pickup'
            and stall.cleared_at is null
    ) as running on true
)

insert into standing (shipment_id, stage, since, threshold_hours, stood_hours)
select
    begun.shipment_id,
    begun.stage,
    begun.since,
    coalesce(learnt.hours, usual.hours),
    round(
        cast(
            case
                when usual.by_calendar
                    then
                        :now_hours
                        - clock.hours
                        - extract(epoch from begun.since - clock.starts_at) / 3600.0 / clock.factor
                else extract(epoch from :now - begun.since) / 3600.0
            end as numeric
        ),
        6
    )
from begun
inner join threshold as usual on begun.stage = usual.stage and usual.carrier_code = ''
left join threshold as learnt
    on
        begun.stage = learnt.stage
        and begun.carrier_code = learnt.carrier_code
        and learnt.carrier_code <> ''
inner join clock on begun.since >= clock.starts_at and begun.since < clock.ends_at;


-- name: stage_carriers
-- There is an empty stage for how the parcels of each carrier move, gone when the transaction ends.
create temporary table moving_carrier (
    carrier_code text primary key,
    carrier_name text,
    moving integer not null,
    quiet integer not null,
    polled integer not null,
    examples text
) on commit drop;


-- name: carriers
-- The stage holds for each carrier how many parcels it has in transit, without those that gave an
-- alarm before; how many of them are quiet, without a scan for half the hours of a stall; and how
-- many were polled within a day.
insert into moving_carrier (carrier_code, carrier_name, moving, quiet, polled, examples)
select
    moving.carrier_code,
    max(moving.carrier_name),
    count(*),
    count(*) filter (where moving.is_quiet),
    count(*) filter (where moving.is_polled),
    array_to_string(
        trim_array(
            array_agg(moving.waybill_no order by moving.shipment_id)
            filter (where moving.is_quiet),
            greatest(cast(count(*) filter (where moving.is_quiet) as integer) - 3, 0)
        ),
        ', '
    )
from (
    select
        shipment.shipment_id,
        shipment.carrier_code,
        shipment.carrier_name,
        coalesce(shipment.waybill_no, shipment.consignment_id) as waybill_no,
        standing.stood_hours,
        standing.stood_hours >= standing.threshold_hours / 2 as is_quiet,
        exists(
            select 1
            from tracking.order_shipment
            inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
            where
                order_shipment.shipment_id = standing.shipment_id
                and tracked_order.last_polled_at > :now - interval '1 day'
        ) as is_polled
    from standing
    inner join tracking.shipment on standing.shipment_id = shipment.shipment_id
    where
        standing.stage = 'in_transit'
        and shipment.carrier_code <> ''
        and not exists (
            select 1
            from tracking.stall
            where
                stall.shipment_id = standing.shipment_id
                and stall.stage = standing.stage
                and stall.cleared_at is null
        )
) as moving
group by moving.carrier_code;


-- name: moving_again
-- No carrier is silent of whose parcels fewer than half as many are quiet as made it so.
with over as (
    select silent_carrier.carrier_code
    from tracking.silent_carrier
    left join moving_carrier on silent_carrier.carrier_code = moving_carrier.carrier_code
    where
        coalesce(moving_carrier.quiet, 0)
        <= silent_carrier.silent_share / 2 * coalesce(moving_carrier.moving, 0)
    order by silent_carrier.carrier_code
    for update of silent_carrier
)

delete from tracking.silent_carrier
using over
where silent_carrier.carrier_code = over.carrier_code;


-- name: silent
-- A carrier is silent from when enough of its parcels are quiet: the share of them all, and so many
-- times the usual one. One whose parcels were not polled may only seem so.
insert into tracking.silent_carrier as known (
    carrier_code, carrier_name, since, silent_share, moving, quiet, usual_share, examples
)
select
    found.carrier_code,
    found.carrier_name,
    :now as since,
    found.silent_share,
    found.moving,
    found.quiet,
    found.usual_share,
    found.examples
from (
    select
        moving_carrier.*,
        stage_gap.quiet_share as usual_share,
        greatest(:silent_share, :times_usual * coalesce(stage_gap.quiet_share, 0)) as silent_share,
        before.carrier_code is not null as is_known
    from moving_carrier
    left join tracking.stage_gap
        on
            moving_carrier.carrier_code = stage_gap.carrier_code
            and stage_gap.stage = 'in_transit'
    left join tracking.silent_carrier as before
        on moving_carrier.carrier_code = before.carrier_code
) as found
where
    found.is_known
    or (
        found.moving >= :fewest_moving
        and found.quiet >= found.silent_share * found.moving
        and found.polled * 2 >= found.moving
    )
order by found.carrier_code
on conflict (carrier_code) do update
    set
        moving = excluded.moving,
        quiet = excluded.quiet,
        examples = excluded.examples;


-- name: new
-- Stalled parcels without an open stall for it. Of one that stands again
-- where it stood before: whether its alarm holds, as everybody got it or will, and nobody heard of
-- its end. While a carrier is silent, its parcels in transit give no alarm of their own.
select
    standing.shipment_id,
    standing.stage,
    standing.since,
    standing.threshold_hours,
    shipment.account,
    shipment.consignment_id,
    stall.event_id,
    exists (
        select 1
        from tracking.notification as alarm
        where
            alarm.event_id = stall.event_id
            and alarm.state in ('pending', 'sent')
    )
    and not exists (
        select 1
        from tracking.notification as alarm
        where
            alarm.event_id = stall.event_id
            and alarm.state in ('dead', 'suppressed')
            and alarm.reason <> 'no channel'
    )
    and not exists (
        select 1
        from tracking.notification as ending
        where
            ending.event_id = stall.cleared_event_id
            and (ending.state = 'sent' or ending.lease_until >= clock_timestamp())
    ) as holds
from standing
inner join tracking.shipment on standing.shipment_id = shipment.shipment_id
left join tracking.stall
    on
        standing.shipment_id = stall.shipment_id
        and standing.stage = stall.stage
        and standing.since = stall.since
where
    standing.stood_hours >= standing.threshold_hours
    and (stall.stall_id is null or stall.cleared_at is not null)
    and not exists (
        select 1
        from tracking.silent_carrier
        where
            silent_carrier.carrier_code = shipment.carrier_code
            and standing.stage = 'in_transit'
    )
    and not exists (
        select 1
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        where
            order_shipment.shipment_id = standing.shipment_id
            and order_shipment.superseded_at is null
            and tracked_order.closed_at is null
            and (
                not tracking.is_free(tracked_order.lease_until)
                or (
                    tracked_order.last_polled_at is null
                    and tracked_order.next_poll_at is not null
                    and tracked_order.failures = 0
                )
                or exists (
                    select 1
                    from tracking.trace_reply
                    where
                        trace_reply.order_id = tracked_order.order_id
                        and trace_reply.loaded_at is null
                        and trace_reply.quarantined_at is null
                )
            )
    )
order by standing.shipment_id
for key share of shipment skip locked;


-- name: open
-- Each stall is open, with an alarm that waits to be addressed, unless the one it had holds. It
-- knows of no end that it had before.
with found as (
    select
        told.shipment_id,
        told.stage,
        told.since,
        told.threshold_hours,
        told.event_id,
        told.holds
    from
        jsonb_to_recordset(cast(:stalls as jsonb))
            as told (
                shipment_id bigint,
                stage text,
                since timestamptz,
                threshold_hours numeric,
                event_id uuid,
                holds boolean
            )
),

opened as (
    insert into tracking.stall (
        shipment_id, stage, since, threshold_hours, opened_at, event_id
    )
    select
        found.shipment_id,
        found.stage,
        found.since,
        found.threshold_hours,
        :now,
        found.event_id
    from found
    order by found.shipment_id
    on conflict (shipment_id, stage, since) do update
        set
            cleared_at = null,
            cleared_event_id = null,
            event_id = excluded.event_id,
            alerted_at = case when stall.event_id = excluded.event_id then stall.alerted_at end
    returning
        shipment_id,
        stage,
        event_id
)

insert into tracking.notification (
    event_id, shipment_id, reason, state, digest, created_at, due_at
)
select
    opened.event_id,
    opened.shipment_id,
    'stalled:' || opened.stage,
    'pending',
    true,
    :now as created_at,
    :now as due_at
from opened
inner join found on opened.event_id = found.event_id
where not found.holds
order by opened.shipment_id
on conflict (event_id, audience, channel) do nothing;


-- name: clear
-- Stalls whose parcel stands there no more are over, but for those whose alarm is under way: they
-- come next time, as do parcels that are being loaded.
with at_rest as (
    select shipment.shipment_id
    from tracking.shipment
    where
        shipment.shipment_id in (
            select stall.shipment_id
            from tracking.stall
            where stall.cleared_at is null
        )
        and (cast(:only_account as text) is null or shipment.account = :only_account)
    order by shipment.shipment_id
    for key share skip locked
),

moved as (
    select stall.stall_id
    from tracking.stall
    inner join at_rest on stall.shipment_id = at_rest.shipment_id
    where
        stall.cleared_at is null
        and not exists (
            select 1
            from standing
            where
                standing.shipment_id = stall.shipment_id
                and standing.stage = stall.stage
                and standing.since = stall.since
        )
        and not exists (
            select 1
            from tracking.notification
            where
                notification.event_id = stall.event_id
                and notification.lease_until >= clock_timestamp()
        )
    order by stall.stall_id
    for update of stall skip locked
)

update tracking.stall
set cleared_at = :now
from moved
where stall.stall_id = moved.stall_id
returning
    stall.stall_id,
    stall.event_id;


-- name: tell_cleared
-- Who got the alarm is told that it is over; alarms that still waited are not sent.
with cleared as (
    select
        told.stall_id,
        told.event_id,
        told.cleared_event_id
    from
        jsonb_to_recordset(cast(:cleared as jsonb))
            as told (stall_id bigint, event_id uuid, cleared_event_id uuid)
),

named as (
    update tracking.stall
    set cleared_event_id = cleared.cleared_event_id
    from cleared
    where stall.stall_id = cleared.stall_id
),

waiting as (
    select notification.notification_id
    from tracking.notification
    inner join cleared on notification.event_id = cleared.event_id
    where notification.state = 'pending'
    order by notification.notification_id
    for update of notification skip locked
),

quieted as (
    update tracking.notification
    set
        state = 'suppressed',
        reason = 'cleared'
    from waiting
    where notification.notification_id = waiting.notification_id
)

insert into tracking.notification (
    event_id, shipment_id, audience, channel, reason, state, digest, created_at, due_at
)
select
    cleared.cleared_event_id,
    notification.shipment_id,
    notification.audience,
    notification.channel,
    'cleared',
    'pending',
    true,
    :now as created_at,
    :now as due_at
from cleared
inner join tracking.notification on cleared.event_id = notification.event_id
where notification.state = 'sent'
order by
    cleared.cleared_event_id,
    notification.audience,
    notification.channel
on conflict (event_id, audience, channel) do nothing;
