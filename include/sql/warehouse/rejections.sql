-- name: reject
-- Every rejected step is kept once, with when it was fetched first; a reply may hold it twice.
insert into tracking.rejected_event as known (
    order_id,
    consignment_id,
    waybill_no,
    occurred_at_text,
    description,
    reason,
    fetched_at,
    event_hash
)
select distinct on (step.order_id, shipment.consignment_id, step.event_hash)
    step.order_id,
    shipment.consignment_id,
    step.waybill_no,
    step.occurred_at_text,
    step.description,
    step.reason,
    step.fetched_at,
    step.event_hash
from
    jsonb_to_recordset(cast(:steps as jsonb))
        as step (
            order_id bigint,
            shipment_id bigint,
            waybill_no text,
            occurred_at_text text,
            description text,
            reason text,
            fetched_at timestamptz,
            event_hash bigint
        )
inner join tracking.shipment on step.shipment_id = shipment.shipment_id
order by
    step.order_id,
    shipment.consignment_id,
    step.event_hash,
    step.fetched_at
on conflict (order_id, consignment_id, event_hash) do update
    set readable_since = null
    where known.readable_since is not null
returning order_id;
