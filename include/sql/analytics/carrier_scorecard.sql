-- One row per carrier: the parcels that it picked up in the last 90 days, each once. On time counts
-- where the ERP promised a time that has come, signed or not.
create or replace view analytics.carrier_scorecard as
with parcel as (
    select
        shipment.shipment_id,
        shipment.carrier_code,
        case when shipment.carrier_code is null then shipment.carrier_name end as unlisted_carrier,
        shipment.carrier_name,
        shipment.status,
        shipment.sign_confirmed_at is not null as is_signed,
        shipment.signed_at,
        extract(epoch from shipment.signed_at - shipment.picked_up_at) / 3600 as hours,
        (
            select min(erp_row.promised_at)
            from tracking.order_shipment
            inner join tracking.erp_row on order_shipment.order_id = erp_row.order_id
            where
                order_shipment.shipment_id = shipment.shipment_id
                and order_shipment.superseded_at is null
        ) as promised_at,
        exists(
            select 1
            from tracking.status_change
            where
                status_change.shipment_id = shipment.shipment_id
                and status_change.to_status = 'delivery_failed'
        ) as has_failed,
        exists(
            select 1
            from tracking.status_change
            where
                status_change.shipment_id = shipment.shipment_id
                and status_change.to_status = 'exception'
        ) as had_exception,
        exists(
            select 1
            from tracking.stall
            where stall.shipment_id = shipment.shipment_id
        ) as has_stalled
    from tracking.shipment
    where
        shipment.picked_up_at >= now() - interval '90 days'
        and shipment.status <> 'cancelled'
        and exists (
            select 1
            from tracking.order_shipment
            where
                order_shipment.shipment_id = shipment.shipment_id
                and order_shipment.superseded_at is null
        )
),

score as (
    select
        carrier_code,
        unlisted_carrier,
        max(carrier_name) as carrier_name,
        count(*) as parcels,
        count(*) filter (where is_signed) as signed,
        count(*) filter (where has_failed) as failed,
        count(*) filter (where status in ('returning', 'returned')) as returned,
        count(*) filter (where had_exception) as exceptions,
        count(*) filter (where has_stalled) as stalled,
        count(*) filter (where promised_at <= now()) as promised,
        count(*) filter (
            where promised_at <= now() and is_signed and signed_at <= promised_at
        ) as on_time,
        percentile_disc(array[0.5, 0.9]) within group (order by hours)
        filter (where is_signed and hours >= 0) as hours
    from parcel
    group by
        carrier_code,
        unlisted_carrier
)

select
    carrier_code,
    carrier_name,
    parcels,
    signed,
    failed,
    returned,
    exceptions,
    stalled,
    promised,
    on_time,
    round(cast(signed as numeric) / parcels, 3) as signed_share,
    round(cast(on_time as numeric) / nullif(promised, 0), 3) as on_time_share,
    round(cast(hours[1] as numeric), 1) as signed_p50,
    round(cast(hours[2] as numeric), 1) as signed_p90
from score;

comment on view analytics.carrier_scorecard is
'One row for each carrier: the parcels that it picked up in the last 90 days, each once.';
comment on column analytics.carrier_scorecard.carrier_code is
'code of the carrier; null: not known';
comment on column analytics.carrier_scorecard.carrier_name is 'its name';
comment on column analytics.carrier_scorecard.parcels is
'parcels picked up; cancelled ones do not count';
comment on column analytics.carrier_scorecard.signed is 'of these, signed and confirmed';
comment on column analytics.carrier_scorecard.failed is
'of these, with a failed delivery attempt';
comment on column analytics.carrier_scorecard.returned is 'of these, on their way back or back';
comment on column analytics.carrier_scorecard.exceptions is
'of these, that were an exception at some time';
comment on column analytics.carrier_scorecard.stalled is 'of these, that stalled at some time';
comment on column analytics.carrier_scorecard.promised is
'of these, whose promised time has come';
comment on column analytics.carrier_scorecard.on_time is 'of the promised ones, signed by then';
comment on column analytics.carrier_scorecard.signed_share is 'signed of parcels, from 0 to 1';
comment on column analytics.carrier_scorecard.on_time_share is
'on_time of promised, from 0 to 1; null: nothing was promised';
comment on column analytics.carrier_scorecard.signed_p50 is
'hours from pick-up to signature, for half of the signed parcels';
comment on column analytics.carrier_scorecard.signed_p90 is 'the same for 90 %';
