-- Every number that a parcel ever had is known.
insert into tracking.shipment_waybill (shipment_id, waybill_no, first_seen_at)
select
    shipment.shipment_id,
    parcel.waybill_no,
    min(parcel.seen_at)
from
    jsonb_to_recordset(cast(:parcels as jsonb))
        as parcel (
            account text,
            consignment_id text,
            waybill_no text,
            seen_at timestamptz
        )
inner join tracking.shipment
    on
        parcel.account = shipment.account
        and parcel.consignment_id = shipment.consignment_id
where
    parcel.waybill_no is not null
    and not exists (
        select 1
        from tracking.shipment_waybill
        where
            shipment_waybill.shipment_id = shipment.shipment_id
            and shipment_waybill.waybill_no = parcel.waybill_no
    )
group by
    shipment.shipment_id,
    parcel.waybill_no
on conflict (shipment_id, waybill_no) do nothing
