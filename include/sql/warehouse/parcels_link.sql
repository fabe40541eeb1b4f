-- Every parcel belongs to the orders that named it; one that is listed again is live again.
insert into tracking.order_shipment as link (order_id, shipment_id, first_seen_at, listed_at)
select
    parcel.order_id,
    shipment.shipment_id,
    min(parcel.seen_at),
    min(parcel.seen_at) filter (where parcel.listed)
from
    jsonb_to_recordset(cast(:parcels as jsonb))
        as parcel (
            order_id bigint,
            account text,
            consignment_id text,
            listed boolean,
            seen_at timestamptz
        )
inner join tracking.shipment
    on
        parcel.account = shipment.account
        and parcel.consignment_id = shipment.consignment_id
left join tracking.order_shipment as known
    on
        parcel.order_id = known.order_id
        and shipment.shipment_id = known.shipment_id
where
    known.order_id is null
    or (
        parcel.listed
        and (known.listed_at is null or known.superseded_at is not null)
    )
group by
    parcel.order_id,
    shipment.shipment_id
on conflict (order_id, shipment_id) do update
    set
        listed_at = coalesce(link.listed_at, excluded.listed_at),
        superseded_at = case when excluded.listed_at is null then link.superseded_at end
