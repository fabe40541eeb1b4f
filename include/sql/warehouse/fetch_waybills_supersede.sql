-- A parcel that the platform listed before and lists no more is superseded; its order forgets it.
update tracking.order_shipment as link
set superseded_at = listing.asked_at
from (
    select
        parcel.order_id,
        max(parcel.seen_at) as asked_at,
        array_agg(parcel.shipment_id) as listed
    from
        jsonb_to_recordset(cast(:parcels as jsonb))
            as parcel (
                order_id bigint,
                shipment_id bigint,
                seen_at timestamptz
            )
    group by parcel.order_id
) as listing
where
    link.order_id = listing.order_id
    and link.listed_at is not null
    and link.superseded_at is null
    and link.shipment_id <> all(listing.listed)
