-- The parcels' own ids.
select
    shipment.account,
    shipment.consignment_id,
    shipment.shipment_id
from tracking.shipment
inner join (
    select distinct
        parcel.account,
        parcel.consignment_id
    from jsonb_to_recordset(cast(:parcels as jsonb)) as parcel (consignment_id text, account text)
) as wanted
    on
        shipment.account = wanted.account
        and shipment.consignment_id = wanted.consignment_id
