-- Every transition is kept once.
insert into tracking.status_change (
    event_id, shipment_id, from_status, to_status, occurred_at, detected_at, run_id
)
select
    change.event_id,
    change.shipment_id,
    change.from_status,
    change.to_status,
    change.occurred_at,
    :now,
    :run_id
from
    jsonb_to_recordset(cast(:changes as jsonb))
        as change (
            event_id uuid,
            shipment_id bigint,
            from_status text,
            to_status text,
            occurred_at timestamptz
        )
order by change.event_id
on conflict (event_id) do nothing
returning event_id
