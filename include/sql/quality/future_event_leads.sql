-- severity: error
-- No event that still lies in the future is the latest trace of a parcel.
select
    shipment_id,
    last_event_at,
    last_event
from tracking.shipment
where last_event_at > :now + interval '10 minutes'
