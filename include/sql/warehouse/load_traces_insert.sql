-- Every event of the stage is stored; one that was there before is left as it is.
insert into tracking.trace_event (
    shipment_id,
    occurred_at,
    event_hash,
    hash_version,
    position,
    future_dated,
    earlier_life,
    withdrawn_at,
    status,
    sign_kind,
    description,
    city,
    action,
    decided_by,
    fetched_at
)
select
    incoming.shipment_id,
    incoming.occurred_at,
    incoming.event_hash,
    incoming.hash_version,
    incoming.position,
    incoming.future_dated,
    incoming.earlier_life,
    incoming.withdrawn_at,
    incoming.status,
    incoming.sign_kind,
    incoming.description,
    incoming.city,
    incoming.action,
    incoming.decided_by,
    incoming.fetched_at
from incoming_event as incoming
on conflict (shipment_id, occurred_at, event_hash) do nothing
