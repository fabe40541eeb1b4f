-- name: lock_orders
-- The orders, and those that share a parcel with them, are ours until the transaction ends.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.order_id in (
        select unnest(cast(:orders as bigint[]))
        union
        select sharing.order_id
        from tracking.order_shipment as own
        inner join tracking.order_shipment as sharing on own.shipment_id = sharing.shipment_id
        where own.order_id = any(:orders)
    )
order by tracked_order.order_id
for update;


-- name: stage
-- There is an empty stage for trace events, gone when the transaction ends.
create temporary table incoming_event (
    shipment_id bigint not null,
    occurred_at timestamptz not null,
    event_hash bigint not null,
    hash_version smallint not null,
    position integer not null,
    future_dated boolean not null,
    earlier_life boolean not null,
    withdrawn_at timestamptz,
    status text not null,
    sign_kind text,
    description text not null,
    city text,
    action text,
    decided_by text not null,
    fetched_at timestamptz not null
) on commit drop;


-- name: copy
-- The stage holds the events of the replies.
copy incoming_event (
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
) from stdin;


-- name: insert
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
on conflict (shipment_id, occurred_at, event_hash) do nothing;


-- name: touch
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
where shipment.shipment_id = held.shipment_id;


-- name: unsettled
-- A batch of the parcels to be judged anew: a platform status came in, their order changed, their
-- sign waits to be confirmed, or the time of an event has come that was printed in local time.
select shipment_id
from (
    select shipment_id
    from tracking.shipment
    where unsettled
    union
    select shipment_id
    from tracking.shipment
    where
        sign_seen_at is not null
        and sign_confirmed_at is null
    union
    select shipment_id
    from tracking.trace_event
    where
        future_dated
        and occurred_at <= :now
        and occurred_at <= fetched_at + :furthest_east
) as waiting
where shipment_id > :after
order by shipment_id
limit :most;


-- name: orders_of
-- The orders that the parcels belong to.
select distinct order_id
from tracking.order_shipment
where shipment_id = any(:shipments);
