-- Every event of the stage is stored. One that was there before is left alone, so loading a chunk
-- twice changes nothing.
insert into tracking.trace_event (
    shipment_id,
    occurred_at,
    event_hash,
    hash_version,
    position,
    future_dated,
    status,
    sign_kind,
    description,
    city,
    action,
    fetched_at
)
select
    incoming.shipment_id,
    incoming.occurred_at,
    incoming.event_hash,
    incoming.hash_version,
    incoming.position,
    incoming.future_dated,
    incoming.status,
    incoming.sign_kind,
    incoming.description,
    incoming.city,
    incoming.action,
    incoming.fetched_at
from incoming_event as incoming
left join tracking.trace_event as known
    on
        incoming.shipment_id = known.shipment_id
        and incoming.occurred_at = known.occurred_at
        and incoming.event_hash = known.event_hash
where known.shipment_id is null
on conflict (shipment_id, occurred_at, event_hash) do nothing
returning
    shipment_id,
    occurred_at,
    event_hash
