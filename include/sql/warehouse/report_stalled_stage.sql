-- There is an empty stage for where parcels stand, gone when the transaction ends.
create temporary table standing (
    shipment_id bigint primary key,
    stage text not null,
    since timestamptz not null,
    threshold_hours double precision not null
) on commit drop
