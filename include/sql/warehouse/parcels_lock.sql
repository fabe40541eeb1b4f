-- The parcels are ours until the transaction ends, locked in id order.
select shipment.shipment_id
from tracking.shipment
inner join jsonb_to_recordset(cast(:parcels as jsonb)) as parcel (consignment_id text, account text)
    on
        shipment.account = parcel.account
        and shipment.consignment_id = parcel.consignment_id
order by shipment.shipment_id
for update of shipment
