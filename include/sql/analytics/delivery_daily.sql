-- One row per day in Shanghai, account and carrier: how many parcels did what on that day. A parcel
-- counts once, however many orders it serves; a carrier that is not known is a row of its own.
create or replace view analytics.delivery_daily as
with parcel as (
    select
        shipment.shipment_id,
        shipment.account,
        shipment.carrier_code,
        case when shipment.carrier_code is null then shipment.carrier_name end as unlisted_carrier,
        shipment.carrier_name,
        shipment.picked_up_at,
        case when shipment.sign_confirmed_at is not null then shipment.signed_at end as signed_at,
        (
            select min(erp_row.shipped_at)
            from tracking.order_shipment
            inner join tracking.erp_row on order_shipment.order_id = erp_row.order_id
            where
                order_shipment.shipment_id = shipment.shipment_id
                and order_shipment.superseded_at is null
        ) as shipped_at
    from tracking.shipment
    where shipment.status <> 'cancelled'
),

happened as (
    select
        parcel.shipment_id,
        parcel.account,
        parcel.carrier_code,
        parcel.unlisted_carrier,
        parcel.carrier_name,
        'shipped' as what,
        parcel.shipped_at as at
    from parcel
    union all
    select
        parcel.shipment_id,
        parcel.account,
        parcel.carrier_code,
        parcel.unlisted_carrier,
        parcel.carrier_name,
        'picked_up' as what,
        parcel.picked_up_at as at
    from parcel
    union all
    select
        parcel.shipment_id,
        parcel.account,
        parcel.carrier_code,
        parcel.unlisted_carrier,
        parcel.carrier_name,
        'signed' as what,
        parcel.signed_at as at
    from parcel
    union all
    select
        parcel.shipment_id,
        parcel.account,
        parcel.carrier_code,
        parcel.unlisted_carrier,
        parcel.carrier_name,
        status_change.to_status as what,
        status_change.occurred_at as at
    from parcel
    inner join tracking.status_change on parcel.shipment_id = status_change.shipment_id
    where status_change.to_status in ('delivery_failed', 'returned', 'exception')
)

select
    cast(happened.at at time zone 'Asia/Shanghai' as date) as day,
    happened.account,
    happened.carrier_code,
    max(happened.carrier_name) as carrier_name,
    count(distinct happened.shipment_id) filter (where happened.what = 'shipped') as shipped,
    count(distinct happened.shipment_id) filter (where happened.what = 'picked_up') as picked_up,
    count(distinct happened.shipment_id) filter (where happened.what = 'signed') as signed,
    count(distinct happened.shipment_id)
    filter (where happened.what = 'delivery_failed') as failed,
    count(distinct happened.shipment_id) filter (where happened.what = 'returned') as returned,
    count(distinct happened.shipment_id) filter (where happened.what = 'exception') as exceptions
from happened
where happened.at is not null
group by
    cast(happened.at at time zone 'Asia/Shanghai' as date),
    happened.account,
    happened.carrier_code,
    happened.unlisted_carrier;

comment on view analytics.delivery_daily is
'One row for each day in Shanghai, account and carrier, on which something happened. A '
'parcel counts once, however many orders it serves; cancelled ones do not count. A scan '
'that arrives late changes its own day.';
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
