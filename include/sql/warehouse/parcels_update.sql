-- Every parcel carries the newest waybill number, carrier and platform status; a platform status
-- counts from when it was fetched first. Parcels with a platform status wait to be judged again.
update tracking.shipment
set
    waybill_no = coalesce(parcel.waybill_no, shipment.waybill_no),
    carrier_code = coalesce(parcel.carrier_code, shipment.carrier_code),
    carrier_name = coalesce(parcel.carrier_name, shipment.carrier_name),
    platform_code = coalesce(parcel.platform_code, shipment.platform_code),
    platform_status = coalesce(parcel.platform_status, shipment.platform_status),
    platform_status_since = case
        when
            parcel.platform_status is null or parcel.platform_code = shipment.platform_code
            then shipment.platform_status_since
        else parcel.seen_at
    end,
    platform_status_at = case
        when parcel.platform_status is null then shipment.platform_status_at
        else parcel.seen_at
    end,
    platform_announce = case
        when parcel.platform_status is null then shipment.platform_announce
        else parcel.announce
    end,
    unsettled = shipment.unsettled or parcel.platform_status is not null
from
    jsonb_to_recordset(cast(:parcels as jsonb))
        as parcel (
            account text,
            consignment_id text,
            waybill_no text,
            carrier_code text,
            carrier_name text,
            platform_code text,
            platform_status text,
            seen_at timestamptz,
            announce boolean
        )
where
    shipment.account = parcel.account
    and shipment.consignment_id = parcel.consignment_id
    and (
        parcel.platform_status is not null
        or (
            parcel.waybill_no is not null and parcel.waybill_no is distinct from shipment.waybill_no
        )
    )
