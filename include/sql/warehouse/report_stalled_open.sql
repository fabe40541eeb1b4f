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
on conflict (event_id, audience, channel) do nothing
