-- The parcels know their newest reply, which says nothing new.
update tracking.shipment
set
    trace_fetched_at = held.trace_fetched_at,
    trace_since = held.trace_since,
    trace_waybill_no = held.trace_waybill_no
from
    jsonb_to_recordset(cast(:held as jsonb))
        as held (
            shipment_id bigint,
            trace_fetched_at timestamptz,
            trace_since timestamptz,
            trace_waybill_no text
        )
where shipment.shipment_id = held.shipment_id
