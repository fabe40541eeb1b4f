-- One row per day in Shanghai, account and carrier: how many parcels did what on that day. A parcel
-- counts once, however many orders it serves; cancelled and superseded ones do not. A carrier that
-- is not known is a row of its own.
create or replace view analytics.delivery_daily as
with happened as (
    select
        order_shipment.shipment_id,
        'shipped' as what,
        cast(min(erp_row.shipped_at) at time zone 'Asia/Shanghai' as date) as day
    from tracking.order_shipment
    inner join tracking.erp_row on order_shipment.order_id = erp_row.order_id
    where
        order_shipment.superseded_at is null
        and erp_row.shipped_at is not null
    group by order_shipment.shipment_id
    union all
    select
        shipment_id,
        'picked_up' as what,
        cast(picked_up_at at time zone 'Asia/Shanghai' as date) as day
    from tracking.shipment
    where picked_up_at is not null
    union all
    select
        shipment_id,
        'signed' as what,
        cast(signed_at at time zone 'Asia/Shanghai' as date) as day
    from tracking.shipment
    where sign_confirmed_at is not null
    union all
    select distinct
        shipment_id,
        to_status as what,
        cast(occurred_at at time zone 'Asia/Shanghai' as date) as day
    from tracking.status_change
    where to_status in ('delivery_failed', 'returned', 'exception')
)

select
    happened.day,
    shipment.account,
    shipment.carrier_code,
    max(shipment.carrier_name) as carrier_name,
    count(*) filter (where happened.what = 'shipped') as shipped,
    count(*) filter (where happened.what = 'picked_up') as picked_up,
    count(*) filter (where happened.what = 'signed') as signed,
    count(*) filter (where happened.what = 'delivery_failed') as failed,
    count(*) filter (where happened.what = 'returned') as returned,
    count(*) filter (where happened.what = 'exception') as exceptions
from happened
inner join tracking.shipment on happened.shipment_id = shipment.shipment_id
where
    shipment.status <> 'cancelled'
    and exists (
        select 1
        from tracking.order_shipment
        where
            order_shipment.shipment_id = shipment.shipment_id
            and order_shipment.superseded_at is null
    )
group by
    happened.day,
    shipment.account,
    shipment.carrier_code,
    case when shipment.carrier_code is null then shipment.carrier_name end;

comment on view analytics.delivery_daily is
'One row for each day in Shanghai, account and carrier, on which something happened. A '
'parcel counts once, however many orders it serves; cancelled and superseded ones do not '
'count. A scan that arrives late changes its own day.';
comment on column analytics.delivery_daily.day is 'day in Shanghai on which it happened';
comment on column analytics.delivery_daily.account is 'the id of the account''s connection';
comment on column analytics.delivery_daily.carrier_code is 'code of the carrier; null: not known';
comment on column analytics.delivery_daily.carrier_name is 'its name';
comment on column analytics.delivery_daily.shipped is
'parcels whose order was shipped, as the ERP says';
comment on column analytics.delivery_daily.picked_up is 'parcels picked up';
comment on column analytics.delivery_daily.signed is 'parcels signed, confirmed ones only';
comment on column analytics.delivery_daily.failed is 'parcels with a failed delivery attempt';
comment on column analytics.delivery_daily.returned is 'parcels that the sender has back';
comment on column analytics.delivery_daily.exceptions is 'parcels that became an exception';
