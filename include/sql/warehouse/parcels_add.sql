-- Every parcel has its row.
insert into tracking.shipment (account, consignment_id)
select distinct
    parcel.account,
    parcel.consignment_id
from jsonb_to_recordset(cast(:parcels as jsonb)) as parcel (consignment_id text, account text)
where
    not exists (
        select 1
        from tracking.shipment
        where
            shipment.account = parcel.account
            and shipment.consignment_id = parcel.consignment_id
    )
order by
    parcel.account,
    parcel.consignment_id
on conflict (account, consignment_id) do nothing
