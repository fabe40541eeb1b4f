-- Every event of the parcels, in the order in which it happened.
select
    shipment_id,
    occurred_at,
    position,
    status,
    sign_kind,
    event_hash,
    action,
    decided_by,
    future_dated,
    withdrawn_at,
    earlier_life
from tracking.trace_event
where shipment_id = any(:shipments)
order by
    shipment_id,
    occurred_at,
    position,
    event_hash
