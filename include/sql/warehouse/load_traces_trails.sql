-- Every event of the parcels that may lead, in the order in which it happened.
select
    shipment_id,
    occurred_at,
    position,
    status,
    sign_kind,
    event_hash,
    action
from tracking.trace_event
where
    shipment_id = any(:shipments)
    and not future_dated
order by
    shipment_id,
    occurred_at,
    position,
    event_hash
