-- Each stall is open, with an alarm that waits to be addressed.
with opened as (
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
    from
        jsonb_to_recordset(cast(:stalls as jsonb))
            as found (
                shipment_id bigint,
                stage text,
                since timestamptz,
                threshold_hours numeric,
                event_id uuid
            )
    order by found.shipment_id
    on conflict (shipment_id, stage, since) do nothing
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
order by opened.shipment_id
on conflict (event_id, audience, channel) do nothing
