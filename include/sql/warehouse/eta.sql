-- name: try_lock
-- Whether this transaction alone learns and estimates until it ends.
select pg_try_advisory_xact_lock(hashtext('shipment_tracking.eta'));


-- name: is_due
-- Whether nothing was learnt within a day.
select not exists (
    select 1
    from tracking.stage_time
    where stage_time.learnt_at > :now - interval '1 day'
) as is_due;


-- name: stage_sample
-- There is an empty stage for the parcels to learn from, gone when the transaction ends.
create temporary table sampled (
    shipment_id bigint primary key,
    carrier_code text not null,
    shipped_at timestamptz,
    signed_at timestamptz not null
) on commit drop;


-- name: sample
-- The stage holds parcels whose signature was confirmed in the period, of each carrier not more
-- than the most: any of them, but always the same ones.
insert into sampled (shipment_id, carrier_code, shipped_at, signed_at)
select
    numbered.shipment_id,
    numbered.carrier_code,
    served.shipped_at,
    numbered.signed_at
from (
    select
        shipment_id,
        coalesce(carrier_code, '') as carrier_code,
        signed_at,
        row_number() over (
            partition by carrier_code
            order by hashint8(shipment_id), shipment_id
        ) as place
    from tracking.shipment
    where
        sign_confirmed_at > :learnt_from
        and sign_confirmed_at <= :now
        and status = 'signed'
        and signed_at is not null
) as numbered
left join lateral (
    select min(erp_row.shipped_at) as shipped_at
    from tracking.order_shipment
    inner join tracking.erp_row on order_shipment.order_id = erp_row.order_id
    where order_shipment.shipment_id = numbered.shipment_id
) as served on true
where numbered.place <= :most_parcels;


-- name: stage_visits
-- There is an empty stage for how long parcels stayed in their stages, gone when the transaction
-- ends.
create temporary table visit (
    shipment_id bigint not null,
    carrier_code text not null,
    stage text not null,
    stayed_hours double precision not null,
    left_hours double precision not null
) on commit drop;


-- name: visits
-- The stage holds every stay of the sampled parcels in a stage: how long it took, and how long
-- after its begin the parcel was signed, by the clock. Waiting for pick-up begins with the shipping
-- in the ERP, unless that is later than the pick-up.
with known as (
    select
        given.*
    from jsonb_to_recordset(cast(:stages as jsonb)) as given (status text, stage text)
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

changes as (
    select
        sampled.shipment_id,
        known.stage,
        status_change.occurred_at,
        lag(known.stage) over (
            partition by sampled.shipment_id
            order by status_change.occurred_at, status_change.detected_at
        ) as stage_before
    from sampled
    inner join tracking.status_change on sampled.shipment_id = status_change.shipment_id
    inner join known on status_change.to_status = known.status
    where
        known.stage <> 'pickup'
        and status_change.occurred_at < sampled.signed_at
),

begun as (
    select
        shipment_id,
        stage,
        occurred_at as began_at
    from changes
    where stage_before is distinct from stage
    union all
    select
        sampled.shipment_id,
        'pickup' as stage,
        sampled.shipped_at as began_at
    from sampled
    where
        sampled.shipped_at < sampled.signed_at
        and not exists (
            select 1
            from changes
            where
                changes.shipment_id = sampled.shipment_id
                and changes.occurred_at <= sampled.shipped_at
        )
),

ended as (
    select
        sampled.shipment_id,
        sampled.carrier_code,
        sampled.signed_at,
        begun.stage,
        begun.began_at,
        coalesce(
            lead(begun.began_at) over (partition by begun.shipment_id order by begun.began_at),
            sampled.signed_at
        ) as ended_at
    from begun
    inner join sampled on begun.shipment_id = sampled.shipment_id
)

insert into visit (shipment_id, carrier_code, stage, stayed_hours, left_hours)
select
    ended.shipment_id,
    ended.carrier_code,
    ended.stage,
    at_end.hours
    + extract(epoch from ended.ended_at - at_end.starts_at) / 3600.0 / at_end.factor
    - at_begin.hours
    - extract(epoch from ended.began_at - at_begin.starts_at) / 3600.0 / at_begin.factor,
    at_sign.hours
    + extract(epoch from ended.signed_at - at_sign.starts_at) / 3600.0 / at_sign.factor
    - at_begin.hours
    - extract(epoch from ended.began_at - at_begin.starts_at) / 3600.0 / at_begin.factor
from ended
inner join clock as at_begin
    on ended.began_at >= at_begin.starts_at and ended.began_at < at_begin.ends_at
inner join clock as at_end
    on ended.ended_at >= at_end.starts_at and ended.ended_at < at_end.ends_at
inner join clock as at_sign
    on ended.signed_at >= at_sign.starts_at and ended.signed_at < at_sign.ends_at
where ended.began_at < ended.ended_at;


-- name: forget
-- Nothing is known of how long stages take.
delete from tracking.stage_time;


-- name: learn
-- It is known, for each carrier and stage and for all carriers together, by the hours that a parcel
-- has been there already, after how many hours half of those that stayed longer, and nine tenths,
-- were signed.
insert into tracking.stage_time (
    carrier_code, stage, age_hours, parcels, p50_hours, p90_hours, learnt_from, learnt_at
)
select
    coalesce(visit.carrier_code, ''),
    visit.stage,
    age.hours,
    count(*),
    percentile_cont(0.5) within group (order by visit.left_hours),
    percentile_cont(0.9) within group (order by visit.left_hours),
    :learnt_from,
    :now
from visit
inner join unnest(cast(:ages as double precision[])) as age (hours)
    on visit.stayed_hours > age.hours
group by grouping sets ((visit.carrier_code, visit.stage, age.hours), (visit.stage, age.hours))
having
    count(*) >= :fewest
    and visit.carrier_code is distinct from '';


-- name: forget_gaps
-- Nothing is known of how long parcels stand.
delete from tracking.stage_gap;


-- name: learn_gaps
-- It is known for each carrier and stage how long the sampled parcels stood there at one place: the
-- longest of each, and which share of the time was spent by standing for more than half the
-- hours of a stall.
with known as (
    select
        given.*
    from jsonb_to_recordset(cast(:stages as jsonb)) as given (status text, stage text)
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

scans as (
    select
        sampled.shipment_id,
        sampled.carrier_code,
        known.stage,
        trace_event.occurred_at,
        coalesce(
            lead(trace_event.occurred_at) over (
                partition by sampled.shipment_id
                order by trace_event.occurred_at, trace_event.position, trace_event.event_hash
            ),
            sampled.signed_at
        ) as next_at
    from sampled
    inner join tracking.trace_event on sampled.shipment_id = trace_event.shipment_id
    left join known on trace_event.status = known.status
    where
        sampled.carrier_code <> ''
        and trace_event.occurred_at <= sampled.signed_at
        and not trace_event.future_dated
        and not trace_event.earlier_life
        and trace_event.withdrawn_at is null
),

gaps as (
    select
        scans.shipment_id,
        scans.carrier_code,
        scans.stage,
        (
            at_next.hours
            + extract(epoch from scans.next_at - at_next.starts_at) / 3600.0 / at_next.factor
            - at_scan.hours
            - extract(epoch from scans.occurred_at - at_scan.starts_at) / 3600.0 / at_scan.factor
        ) as hours
    from scans
    inner join clock as at_scan
        on scans.occurred_at >= at_scan.starts_at and scans.occurred_at < at_scan.ends_at
    inner join clock as at_next
        on scans.next_at >= at_next.starts_at and scans.next_at < at_next.ends_at
    where
        scans.stage in ('in_transit', 'out_for_delivery')
        and scans.occurred_at < scans.next_at
    union all
    select
        shipment_id,
        carrier_code,
        stage,
        stayed_hours as hours
    from visit
    where
        carrier_code <> ''
        and stage in ('pickup', 'ready_for_pickup')
),

longest as (
    select
        carrier_code,
        stage,
        count(*) as parcels,
        percentile_cont(0.9) within group (order by hours) as p90_hours
    from (
        select
            carrier_code,
            stage,
            max(hours) as hours
        from gaps
        group by
            carrier_code,
            stage,
            shipment_id
    ) as parcel
    group by
        carrier_code,
        stage
    having count(*) >= :fewest
)

insert into tracking.stage_gap (
    carrier_code, stage, parcels, p90_hours, quiet_share, learnt_from, learnt_at
)
select
    longest.carrier_code,
    longest.stage,
    longest.parcels,
    longest.p90_hours,
    sum(
        greatest(
            gaps.hours
            - least(greatest(longest.p90_hours + :margin_hours, bound.least), bound.most) / 2,
            0
        )
    )
    / sum(gaps.hours),
    :learnt_from,
    :now
from longest
inner join gaps on longest.carrier_code = gaps.carrier_code and longest.stage = gaps.stage
inner join
    jsonb_to_recordset(cast(:bounds as jsonb))
        as bound (stage text, least double precision, most double precision)
    on longest.stage = bound.stage
group by
    longest.carrier_code,
    longest.stage,
    longest.parcels,
    longest.p90_hours;


-- name: learnt
-- All that is known of how long stages take.
select
    carrier_code,
    stage,
    age_hours,
    parcels,
    p50_hours,
    p90_hours,
    learnt_from,
    learnt_at
from tracking.stage_time;


-- name: parcels
-- A batch of the parcels that an open order waits for and whose estimate is due: they have none
-- yet, or their status changed, or it is old, or its time has come. Each with when its stage began.
-- The offset lets the planner start from what is open, else it reads all closed orders too.
with known as (
    select
        given.*
    from jsonb_to_recordset(cast(:stages as jsonb)) as given (status text, stage text)
),

awaited as (
    select
        own.shipment_id,
        min(own.shipped_at) as shipped_at,
        min(own.first_seen_at) as first_seen_at
    from tracking.tracked_order
    inner join lateral (
        select
            order_shipment.shipment_id,
            order_shipment.first_seen_at,
            erp_row.shipped_at
        from tracking.order_shipment
        inner join tracking.erp_row on order_shipment.order_id = erp_row.order_id
        where
            order_shipment.order_id = tracked_order.order_id
            and order_shipment.superseded_at is null
            and erp_row.closed_at is null
            and erp_row.signed_at is null
        order by order_shipment.shipment_id
        offset 0
    ) as own on true
    where tracked_order.closed_at is null
    group by own.shipment_id
)

select
    shipment.shipment_id,
    shipment.account,
    shipment.consignment_id,
    shipment.carrier_code,
    shipment.status,
    known.stage,
    case
        when known.stage = 'pickup'
            then coalesce(awaited.shipped_at, shipment.first_event_at, awaited.first_seen_at)
        else coalesce(
            entered.at,
            shipment.last_event_at,
            shipment.platform_status_since,
            awaited.first_seen_at
        )
    end as since,
    estimated.expected_by,
    estimated.delayed_at
from awaited
inner join tracking.shipment on awaited.shipment_id = shipment.shipment_id
inner join known on shipment.status = known.status
left join tracking.shipment_eta as estimated on shipment.shipment_id = estimated.shipment_id
left join lateral (
    select min(change.occurred_at) as at
    from tracking.status_change as change
    inner join known as known_then on change.to_status = known_then.status
    where
        change.shipment_id = shipment.shipment_id
        and known_then.stage = known.stage
        and change.occurred_at > coalesce(
            (
                select max(other.occurred_at)
                from tracking.status_change as other
                inner join known as known_other on other.to_status = known_other.status
                where
                    other.shipment_id = shipment.shipment_id
                    and known_other.stage <> known.stage
            ),
            '-infinity'
        )
) as entered on known.stage <> 'pickup'
where
    shipment.shipment_id > :after
    and (
        estimated.shipment_id is null
        or estimated.status <> shipment.status
        or estimated.estimated_at <= :now - cast(:fresh_for as interval)
        or estimated.eta_p50 <= :now
        or (
            estimated.expected_by <= :now
            and estimated.delayed_at is null
            and known.stage <> 'ready_for_pickup'
        )
    )
order by shipment.shipment_id
limit :most;


-- name: keep
-- The parcels have these estimates. The first one that a parcel had stays what was expected of it.
insert into tracking.shipment_eta as known (
    shipment_id, status, estimated_at, eta_p50, eta_p90, eta_basis, expected_by, delayed_at
)
select
    found.shipment_id,
    found.status,
    :now,
    found.eta_p50,
    found.eta_p90,
    found.eta_basis,
    found.eta_p90 as expected_by,
    null as delayed_at
from
    jsonb_to_recordset(cast(:estimates as jsonb))
        as found (
            shipment_id bigint,
            status text,
            eta_p50 timestamptz,
            eta_p90 timestamptz,
            eta_basis text
        )
order by found.shipment_id
on conflict (shipment_id) do update
    set
        status = excluded.status,
        estimated_at = excluded.estimated_at,
        eta_p50 = excluded.eta_p50,
        eta_p90 = excluded.eta_p90,
        eta_basis = excluded.eta_basis,
        expected_by = coalesce(known.expected_by, excluded.expected_by);


-- name: delay
-- The parcels are later than expected, and each has a notice of it that waits to be addressed. One
-- whose change is still to be sent comes next time: the newest notice would replace the change.
with late as (
    select
        found.shipment_id,
        found.event_id
    from
        jsonb_to_recordset(cast(:delays as jsonb))
            as found (shipment_id bigint, event_id uuid)
    where
        not exists (
            select 1
            from tracking.notification
            where
                notification.shipment_id = found.shipment_id
                and notification.state = 'pending'
                and notification.due_at is not null
                and not notification.digest
        )
),

known as (
    update tracking.shipment_eta
    set
        delayed_at = :now,
        delay_event_id = late.event_id
    from late
    where shipment_eta.shipment_id = late.shipment_id
)

insert into tracking.notification (
    event_id, shipment_id, reason, from_status, state, created_at, due_at
)
select
    late.event_id,
    late.shipment_id,
    'delayed' as reason,
    shipment.announced_status,
    'pending' as state,
    :now as created_at,
    :now as due_at
from late
inner join tracking.shipment on late.shipment_id = shipment.shipment_id
order by late.shipment_id
on conflict (event_id, audience, channel) do nothing;


-- name: close
-- No parcel has an estimate that no open order waits for any more, or whose status has none.
with known as (
    select
        given.*
    from jsonb_to_recordset(cast(:stages as jsonb)) as given (status text, stage text)
),

over as (
    select shipment_eta.shipment_id
    from tracking.shipment_eta
    inner join tracking.shipment on shipment_eta.shipment_id = shipment.shipment_id
    where
        shipment_eta.eta_basis is not null
        and (
            shipment.status not in (select known.status from known)
            or not exists (
                select 1
                from tracking.order_shipment
                where
                    order_shipment.shipment_id = shipment_eta.shipment_id
                    and order_shipment.superseded_at is null
                    and tracking.is_awaited(order_shipment.order_id)
            )
        )
    order by shipment_eta.shipment_id
    for update of shipment_eta
)

update tracking.shipment_eta
set
    eta_p50 = null,
    eta_p90 = null,
    eta_basis = null
from over
where shipment_eta.shipment_id = over.shipment_id;
