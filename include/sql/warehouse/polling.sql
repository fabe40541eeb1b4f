-- name: plan
-- Each of the orders that is open and unsigned is due when the first fitting rule of its most
-- urgent parcel says, at a place in that period which is its own; one without a known parcel is to
-- be asked for it then; one that a feed reported since its last poll stays due. What no rule polls
-- any more is due for nothing, and known to be quiet.
with rule as (
    select
        given.*
    from
        jsonb_to_recordset(cast(:rules as jsonb))
            as given (line integer, stage text, quiet_hours double precision, minutes integer)
),

parcel as (
    select
        tracked_order.order_id,
        shipment.shipment_id,
        greatest(
            tracked_order.first_seen_at,
            tracked_order.reopened_at,
            shipment.last_event_at,
            shipment.platform_status_since
        ) as quiet_since,
        array[
            'any',
            coalesce(shipment.status, 'pending'),
            case when tracked_order.priority > 0 then 'high_priority' end,
            case
                when
                    (feed.feed = 'messages' and shipment.shipment_id is not null)
                    or (feed.feed = 'orders' and shipment.shipment_id is null)
                    then 'reported'
            end,
            case
                when shipment.status = 'signed' and shipment.sign_confirmed_at is null
                    then 'unconfirmed'
            end,
            case
                when
                    :now between pick_up.at + coalesce(usual.early, :early)
                    and pick_up.at + coalesce(usual.late, :late)
                    then 'near_arrival'
            end
        ] as stages
    from tracking.tracked_order
    left join tracking.order_shipment as link
        on
            tracked_order.order_id = link.order_id
            and link.superseded_at is null
    left join tracking.shipment on link.shipment_id = shipment.shipment_id
    left join tracking.feed
        on
            tracked_order.account = feed.account
            and feed.trusted_since is not null
    left join lateral (
        select coalesce(min(trace_event.occurred_at), shipment.first_event_at) as at
        from tracking.trace_event
        where
            trace_event.shipment_id = shipment.shipment_id
            and trace_event.status = 'picked_up'
            and not trace_event.future_dated
            and shipment.status in ('picked_up', 'in_transit')
    ) as pick_up on shipment.status in ('picked_up', 'in_transit')
    left join lateral (
        select
            transit_time.early,
            transit_time.late
        from tracking.transit_time
        where
            transit_time.carrier_code in (shipment.carrier_code, '')
            and transit_time.parcels >= 20
        order by transit_time.carrier_code = ''
        limit 1
    ) as usual on shipment.status in ('picked_up', 'in_transit')
    where
        tracked_order.order_id = any(:orders)
        and exists (
            select 1
            from tracking.erp_row
            where
                erp_row.order_id = tracked_order.order_id
                and erp_row.closed_at is null
                and erp_row.signed_at is null
        )
),

urgent as (
    select
        parcel.order_id,
        count(parcel.shipment_id) > 0 as has_parcels,
        max(parcel.quiet_since) as quiet_since,
        min(fitting.minutes) as minutes
    from parcel
    left join lateral (
        select rule.minutes
        from rule
        where
            rule.stage = any(parcel.stages)
            and rule.quiet_hours * interval '1 hour'
            <= greatest(:now - parcel.quiet_since, interval '0')
        order by rule.line
        limit 1
    ) as fitting on true
    group by parcel.order_id
),

period as (
    select
        urgent.*,
        tracked_order.failures,
        urgent.minutes * 60.0 as seconds,
        -- Multiples of the golden ratio spread numbers that follow each other evenly.
        floor(mod(tracked_order.order_id * 0.618033988749895, 1) * urgent.minutes * 60) as place,
        case when urgent.has_parcels then tracked_order.last_polled_at else :now end as asked_at,
        case when tracked_order.priority > 0 then :priority_spacing else :min_spacing end as spacing
    from urgent
    inner join tracking.tracked_order on urgent.order_id = tracked_order.order_id
),

planned as (
    select
        period.*,
        case
            when period.minutes = 0 then period.asked_at + period.spacing
            else to_timestamp(
                period.place
                + period.seconds
                * (1 + floor((extract(epoch from period.asked_at) - period.place) / period.seconds))
            )
        end as due_at
    from period
)

update tracking.tracked_order
set
    next_poll_at = case
        when planned.minutes is null then null
        when planned.failures > 0 or not planned.has_parcels then tracked_order.next_poll_at
        when tracked_order.reported_at > tracked_order.last_polled_at then tracked_order.reported_at
        else coalesce(planned.due_at, tracked_order.next_poll_at)
    end,
    ask_parcels_at = case
        when planned.minutes is null then null
        when planned.failures > 0 or planned.has_parcels then tracked_order.ask_parcels_at
        else planned.due_at
    end,
    quiet_since = case when planned.minutes is null then planned.quiet_since end
from planned
where tracked_order.order_id = planned.order_id;


-- name: learn_transit
-- For each carrier, and with an empty code for all of them together, it is known how long parcels
-- signed in the last 30 days took from pick-up until they were first out for delivery: most took
-- longer than early and less than late. Nothing changes if that was learnt within a day.
with due as (
    select not exists (
        select 1
        from tracking.transit_time
        where transit_time.learnt_at > :now - interval '1 day'
    ) as now
),

taken as (
    select
        shipment.carrier_code,
        extract(epoch from scans.dispatched_at - scans.picked_up_at) as seconds
    from due
    inner join tracking.shipment
        on due.now and shipment.sign_confirmed_at > :now - interval '30 days'
    inner join lateral (
        select
            min(trace_event.occurred_at) filter (
                where trace_event.status = 'picked_up'
            ) as picked_up_at,
            min(trace_event.occurred_at) filter (
                where trace_event.status = 'out_for_delivery'
            ) as dispatched_at
        from tracking.trace_event
        where
            trace_event.shipment_id = shipment.shipment_id
            and not trace_event.future_dated
    ) as scans on scans.dispatched_at > scans.picked_up_at
),

learnt as (
    select
        coalesce(taken.carrier_code, '') as carrier_code,
        count(*) as parcels,
        percentile_cont(0.1) within group (order by taken.seconds) as early,
        percentile_cont(0.9) within group (order by taken.seconds) as late
    from taken
    group by grouping sets ((taken.carrier_code), ())
    having taken.carrier_code is not null or grouping(taken.carrier_code) = 1
)

insert into tracking.transit_time as known (carrier_code, parcels, early, late, learnt_at)
select
    learnt.carrier_code,
    learnt.parcels,
    learnt.early * interval '1 second',
    learnt.late * interval '1 second',
    :now
from learnt
inner join due on due.now
on conflict (carrier_code) do update
    set
        parcels = excluded.parcels,
        early = excluded.early,
        late = excluded.late,
        learnt_at = excluded.learnt_at;
