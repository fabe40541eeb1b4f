-- Every parcel carries the newest waybill number, carrier and platform status; a platform status
-- counts from when it was fetched first. One that came with a trace and is older than the known one
-- is no news. Parcels that were listed or got a platform status wait to be judged again.
with named as (
    select distinct on (parcel.account, parcel.consignment_id)
        parcel.*
    from
        jsonb_to_recordset(cast(:parcels as jsonb))
            as parcel (
                account text,
                consignment_id text,
                waybill_no text,
                carrier_code text,
                carrier_name text,
                router_code text,
                platform_code text,
                platform_status text,
                listed boolean,
                seen_at timestamptz,
                announce boolean
            )
    order by
        parcel.account asc,
        parcel.consignment_id asc,
        parcel.platform_status is null asc,
        parcel.seen_at desc
),

news as (
    select
        shipment.shipment_id,
        named.*,
        coalesce(named.listed, false) as is_listed,
        named.platform_status is not null
        and (
            coalesce(named.listed, false)
            or named.seen_at >= coalesce(shipment.platform_status_at, named.seen_at)
        ) as has_status
    from named
    inner join tracking.shipment
        on
            named.account = shipment.account
            and named.consignment_id = shipment.consignment_id
)

update tracking.shipment
set
    waybill_no = coalesce(news.waybill_no, shipment.waybill_no),
    carrier_code = coalesce(news.carrier_code, shipment.carrier_code),
    carrier_name = coalesce(news.carrier_name, shipment.carrier_name),
    router_code = case
        when news.is_listed then coalesce(news.router_code, shipment.router_code)
        else coalesce(shipment.router_code, news.router_code)
    end,
    platform_code = case
        when news.has_status then news.platform_code
        else shipment.platform_code
    end,
    platform_status = case
        when news.has_status then news.platform_status
        else shipment.platform_status
    end,
    platform_status_since = case
        when news.has_status and news.platform_code is distinct from shipment.platform_code
            then news.seen_at
        else shipment.platform_status_since
    end,
    platform_status_at = case
        when news.has_status then news.seen_at
        else shipment.platform_status_at
    end,
    platform_announce = case
        when news.has_status then news.announce
        else shipment.platform_announce
    end,
    unsettled = shipment.unsettled or news.is_listed or news.has_status
from news
where
    shipment.shipment_id = news.shipment_id
    and (
        news.is_listed
        or news.has_status
        or (news.router_code is not null and shipment.router_code is null)
        or (news.waybill_no is not null and news.waybill_no is distinct from shipment.waybill_no)
    )
