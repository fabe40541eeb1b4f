-- The parcels carry their verdicts and the summary of their events.
update tracking.shipment
set
    status = verdict.status,
    announced_status = verdict.announced_status,
    sign_kind = verdict.sign_kind,
    signed_at = verdict.signed_at,
    sign_seen_at = verdict.sign_seen_at,
    sign_confirmed_at = verdict.sign_confirmed_at,
    sign_was_confirmed
    = shipment.sign_was_confirmed
    or shipment.sign_confirmed_at is not null
    or verdict.sign_confirmed_at is not null,
    unsettled = false,
    event_count = verdict.event_count,
    first_event_at = verdict.first_event_at,
    last_event_at = verdict.last_event_at,
    last_event = newest.description,
    last_event_status = newest.status,
    trace_fetched_at = verdict.trace_fetched_at,
    trace_since = verdict.trace_since,
    trace_waybill_no = verdict.trace_waybill_no
from
    jsonb_to_recordset(cast(:verdicts as jsonb))
        as verdict (
            shipment_id bigint,
            status text,
            announced_status text,
            sign_kind text,
            signed_at timestamptz,
            sign_seen_at timestamptz,
            sign_confirmed_at timestamptz,
            event_count integer,
            first_event_at timestamptz,
            last_event_at timestamptz,
            last_event_hash bigint,
            trace_fetched_at timestamptz,
            trace_since timestamptz,
            trace_waybill_no text
        )
left join tracking.trace_event as newest
    on
        verdict.shipment_id = newest.shipment_id
        and verdict.last_event_at = newest.occurred_at
        and verdict.last_event_hash = newest.event_hash
where shipment.shipment_id = verdict.shipment_id
