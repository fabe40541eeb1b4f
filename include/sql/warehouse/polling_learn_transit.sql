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
        learnt_at = excluded.learnt_at
