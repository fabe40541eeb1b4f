-- One row per carrier, origin city and month of pick-up in Shanghai: how many hours its parcels
-- took from pick-up. A parcel that is on its way counts as slower than all that arrived, so that a
-- new month does not look fast; a percentile that too few have reached is null. Parcels that came
-- back, were cancelled or are no longer polled do not count, nor do those whose times contradict.
create or replace view analytics.transit_times as
with parcel as (
    select
        shipment.shipment_id,
        shipment.carrier_code,
        shipment.carrier_name,
        shipment.origin_city,
        cast(
            date_trunc('month', shipment.picked_up_at at time zone 'Asia/Shanghai') as date
        ) as month,
        shipment.sign_confirmed_at is not null as is_signed,
        case
            when shipment.out_for_delivery_at is not null
                then extract(epoch from shipment.out_for_delivery_at - shipment.picked_up_at) / 3600
            when shipment.sign_confirmed_at is null then 'infinity'
        end as to_delivery,
        case
            when shipment.sign_confirmed_at is null then 'infinity'
            else extract(epoch from shipment.signed_at - shipment.picked_up_at) / 3600
        end as to_signature
    from tracking.shipment
    where
        shipment.picked_up_at is not null
        and shipment.status not in ('cancelled', 'returning', 'returned')
        and exists (
            select 1
            from tracking.order_shipment
            inner join tracking.tracked_order
                on order_shipment.order_id = tracked_order.order_id
            where
                order_shipment.shipment_id = shipment.shipment_id
                and order_shipment.superseded_at is null
                and (
                    shipment.sign_confirmed_at is not null
                    or tracked_order.closed_at is null
                )
        )
        and (
            shipment.sign_confirmed_at is null
            or shipment.signed_at >= shipment.picked_up_at
        )
        and coalesce(shipment.out_for_delivery_at >= shipment.picked_up_at, true)
),

quantiles as (
    select
        parcel.carrier_code,
        case when parcel.carrier_code is null then parcel.carrier_name end as unlisted_carrier,
        max(parcel.carrier_name) as carrier_name,
        parcel.origin_city,
        parcel.month,
        count(*) as parcels,
        count(*) filter (where parcel.is_signed) as signed,
        percentile_disc(array[0.5, 0.8, 0.9, 0.95])
        within group (order by cast(parcel.to_delivery as double precision)) as to_delivery,
        percentile_disc(array[0.5, 0.8, 0.9, 0.95])
        within group (order by cast(parcel.to_signature as double precision)) as to_signature
    from parcel
    group by
        parcel.carrier_code,
        case when parcel.carrier_code is null then parcel.carrier_name end,
        parcel.origin_city,
        parcel.month
)

select
    carrier_code,
    carrier_name,
    origin_city,
    month,
    parcels as n,
    signed,
    round(cast(nullif(to_delivery[1], 'infinity') as numeric), 1) as to_delivery_p50,
    round(cast(nullif(to_delivery[2], 'infinity') as numeric), 1) as to_delivery_p80,
    round(cast(nullif(to_delivery[3], 'infinity') as numeric), 1) as to_delivery_p90,
    round(cast(nullif(to_delivery[4], 'infinity') as numeric), 1) as to_delivery_p95,
    round(cast(nullif(to_signature[1], 'infinity') as numeric), 1) as p50,
    round(cast(nullif(to_signature[2], 'infinity') as numeric), 1) as p80,
    round(cast(nullif(to_signature[3], 'infinity') as numeric), 1) as p90,
    round(cast(nullif(to_signature[4], 'infinity') as numeric), 1) as p95
from quantiles;

comment on view analytics.transit_times is
'One row for each carrier, origin city and month of pick-up in Shanghai. A parcel that is'
' on its way counts as slower than all that arrived. Parcels that came back, were '
'cancelled, are no longer polled, or whose times contradict each other do not count.';
comment on column analytics.transit_times.carrier_code is 'code of the carrier; null: not known';
comment on column analytics.transit_times.carrier_name is 'its name';
comment on column analytics.transit_times.origin_city is
'city where the parcels set out; null: not known';
comment on column analytics.transit_times.month is
'first day of the month of pick-up, in Shanghai';
comment on column analytics.transit_times.n is 'parcels picked up, those on their way included';
comment on column analytics.transit_times.signed is 'of these, signed and confirmed';
comment on column analytics.transit_times.to_delivery_p50 is
'hours from pick-up to the first scan out for delivery, for 50 % of the parcels; null '
'while fewer have got there';
comment on column analytics.transit_times.to_delivery_p80 is
'hours from pick-up to the first scan out for delivery, for 80 % of the parcels; null '
'while fewer have got there';
comment on column analytics.transit_times.to_delivery_p90 is
'hours from pick-up to the first scan out for delivery, for 90 % of the parcels; null '
'while fewer have got there';
comment on column analytics.transit_times.to_delivery_p95 is
'hours from pick-up to the first scan out for delivery, for 95 % of the parcels; null '
'while fewer have got there';
comment on column analytics.transit_times.p50 is
'hours from pick-up to the signature, for 50 % of the parcels; null while fewer have got '
'there';
comment on column analytics.transit_times.p80 is
'hours from pick-up to the signature, for 80 % of the parcels; null while fewer have got '
'there';
comment on column analytics.transit_times.p90 is
'hours from pick-up to the signature, for 90 % of the parcels; null while fewer have got '
'there';
comment on column analytics.transit_times.p95 is
'hours from pick-up to the signature, for 95 % of the parcels; null while fewer have got '
'there';
