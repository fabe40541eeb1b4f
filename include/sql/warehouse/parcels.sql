-- name: orders
-- The orders, and when they were shipped; where the ERP does not tell, when they were seen first.
select
    tracked_order.order_id,
    tracked_order.platform_order_id,
    coalesce(
        (
            select min(erp_row.shipped_at)
            from tracking.erp_row
            where erp_row.order_id = tracked_order.order_id
        ),
        tracked_order.first_seen_at
    ) as shipped_at
from tracking.tracked_order
where tracked_order.order_id = any(:orders);


-- name: routed
-- The parcels of routers that belong to the orders, carry one of the numbers or have one of the
-- ids, once for each of their orders and numbers.
with wanted as (
    select order_shipment.shipment_id
    from tracking.order_shipment
    where order_shipment.order_id = any(:orders)
    union
    select shipment_waybill.shipment_id
    from tracking.shipment_waybill
    where shipment_waybill.waybill_no = any(:numbers)
    union
    select shipment.shipment_id
    from tracking.shipment
    where
        shipment.account = any(:accounts)
        and shipment.consignment_id = any(:names)
)

select
    shipment.account,
    shipment.shipment_id,
    shipment.consignment_id,
    shipment.router_code,
    shipment.carrier_code,
    shipment_waybill.waybill_no,
    order_shipment.order_id,
    order_shipment.superseded_at is null and shipment.status <> 'cancelled' as is_live,
    coalesce(
        (
            select min(erp_row.shipped_at)
            from tracking.erp_row
            where erp_row.order_id = order_shipment.order_id
        ),
        tracked_order.first_seen_at
    ) as shipped_at
from wanted
inner join tracking.shipment on wanted.shipment_id = shipment.shipment_id
left join tracking.shipment_waybill on shipment.shipment_id = shipment_waybill.shipment_id
left join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
left join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
where
    shipment.account = any(:accounts)
    and shipment.router_code is not null;


-- name: add
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
on conflict (account, consignment_id) do nothing;


-- name: lock
-- The parcels are ours until the transaction ends, locked in id order.
select shipment.shipment_id
from tracking.shipment
inner join jsonb_to_recordset(cast(:parcels as jsonb)) as parcel (consignment_id text, account text)
    on
        shipment.account = parcel.account
        and shipment.consignment_id = parcel.consignment_id
order by shipment.shipment_id
for update of shipment;


-- name: update
-- Every parcel carries the newest waybill number, carrier and platform status; a platform status
-- counts from when it was fetched first. One that came with a trace and is older than the known one
-- is no news, and neither is what an answer says a second time. Parcels that were listed or got a
-- platform status wait to be judged again.
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
                replayed boolean,
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
        )
        and (
            not named.replayed
            or named.platform_status is distinct from shipment.platform_status
        ) as has_status,
        case
            when named.replayed then coalesce(shipment.waybill_no, named.waybill_no)
            else coalesce(named.waybill_no, shipment.waybill_no)
        end as own_waybill_no
    from named
    inner join tracking.shipment
        on
            named.account = shipment.account
            and named.consignment_id = shipment.consignment_id
)

update tracking.shipment
set
    waybill_no = news.own_waybill_no,
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
        when news.has_status and not news.replayed then news.announce
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
        or news.own_waybill_no is distinct from shipment.waybill_no
    );


-- name: link
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
        superseded_at = case when excluded.listed_at is null then link.superseded_at end;


-- name: waybills
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
on conflict (shipment_id, waybill_no) do nothing;


-- name: ids
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
        and shipment.consignment_id = wanted.consignment_id;
