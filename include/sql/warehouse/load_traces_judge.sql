-- The parcels carry their verdicts and the summary of their events.
update tracking.shipment
set
    status = verdict.status,
    sign_kind = verdict.sign_kind,
    signed_at = verdict.signed_at,
    sign_seen_at = verdict.sign_seen_at,
    sign_confirmed_at = verdict.sign_confirmed_at,
    sign_was_confirmed
    = shipment.sign_was_confirmed
    or shipment.sign_confirmed_at is not null
    or verdict.sign_confirmed_at is not null,
    unsettled = false,
    event_count = coalesce(summary.event_count, 0),
    first_event_at = summary.first_event_at,
    last_event_at = summary.last_event_at,
    last_event = summary.last_event
from
    jsonb_to_recordset(cast(:verdicts as jsonb))
        as verdict (
            shipment_id bigint,
            status text,
            sign_kind text,
            signed_at timestamptz,
            sign_seen_at timestamptz,
            sign_confirmed_at timestamptz
        )
left join (
    select
        trace_event.shipment_id,
        count(*) as event_count,
        min(trace_event.occurred_at) filter (where not trace_event.future_dated) as first_event_at,
        max(trace_event.occurred_at) filter (where not trace_event.future_dated) as last_event_at,
        (
            array_agg(
                trace_event.description
                order by trace_event.occurred_at desc, trace_event.position desc
            ) filter (where not trace_event.future_dated)
        )[1] as last_event
    from tracking.trace_event
    where trace_event.shipment_id = any(:shipments)
    group by trace_event.shipment_id
) as summary on verdict.shipment_id = summary.shipment_id
where shipment.shipment_id = verdict.shipment_id
