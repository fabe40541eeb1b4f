-- One row per day in Shanghai and account: how long after it happened a change was found, and how
-- long after it was found a signature stood in the ERP, in minutes. What happened before the parcel
-- was first seen, and what a backfill found, is left out. Today's row says how many orders are
-- overdue now.
create or replace view analytics.freshness as
with parcel as (
    select
        order_shipment.shipment_id,
        min(order_shipment.first_seen_at) as first_seen_at
    from tracking.order_shipment
    group by order_shipment.shipment_id
),

found as (
    select
        shipment.account,
        cast(status_change.detected_at at time zone 'Asia/Shanghai' as date) as day,
        greatest(
            extract(epoch from status_change.detected_at - status_change.occurred_at) / 60, 0
        ) as minutes
    from tracking.status_change
    inner join tracking.shipment on status_change.shipment_id = shipment.shipment_id
    inner join parcel on status_change.shipment_id = parcel.shipment_id
    left join tracking.run on status_change.run_id = run.run_id
    where
        status_change.occurred_at >= parcel.first_seen_at
        and coalesce(run.run_type <> 'backfill', true)
),

detected as (
    select
        account,
        day,
        count(*) as changes,
        percentile_cont(array[0.5, 0.95]) within group (order by minutes) as minutes
    from found
    group by
        account,
        day
),

written as (
    select
        erp_writeback.account,
        cast(erp_writeback.written_at at time zone 'Asia/Shanghai' as date) as day,
        count(*) as signatures,
        percentile_cont(array[0.5, 0.95]) within group (
            order by
                greatest(
                    extract(epoch from erp_writeback.written_at - status_change.detected_at) / 60, 0
                )
        ) as minutes
    from tracking.erp_writeback
    left join tracking.status_change on erp_writeback.source_event = status_change.event_id
    where
        erp_writeback.outcome = 'signed'
        and erp_writeback.written_at is not null
    group by
        erp_writeback.account,
        cast(erp_writeback.written_at at time zone 'Asia/Shanghai' as date)
),

overdue as (
    select
        account,
        cast(now() at time zone 'Asia/Shanghai' as date) as day,
        count(*) filter (
            where
            case when parcels_asked_at is null then ask_parcels_at else next_poll_at end
            < now() - interval '30 minutes'
        ) as orders
    from tracking.tracked_order
    where closed_at is null
    group by account
)

select
    coalesce(detected.day, written.day, overdue.day) as day,
    coalesce(detected.account, written.account, overdue.account) as account,
    coalesce(detected.changes, 0) as changes,
    round(cast(detected.minutes[1] as numeric), 1) as detection_p50,
    round(cast(detected.minutes[2] as numeric), 1) as detection_p95,
    coalesce(written.signatures, 0) as signatures_written,
    round(cast(written.minutes[1] as numeric), 1) as sign_to_erp_p50,
    round(cast(written.minutes[2] as numeric), 1) as sign_to_erp_p95,
    overdue.orders as overdue_now
from detected
full join written
    on
        detected.day = written.day
        and detected.account = written.account
full join overdue
    on
        coalesce(detected.day, written.day) = overdue.day
        and coalesce(detected.account, written.account) = overdue.account;

comment on view analytics.freshness is
'One row for each day in Shanghai and account: delays of the pipeline, in minutes. What '
'happened before a parcel was first seen is left out.';
comment on column analytics.freshness.day is 'day in Shanghai on which it was found or written';
comment on column analytics.freshness.account is 'the id of the account''s connection';
comment on column analytics.freshness.changes is 'status changes found, first sight left out';
comment on column analytics.freshness.detection_p50 is
'minutes from a change to the run that found it, for half of them; null: none';
comment on column analytics.freshness.detection_p95 is 'the same for 95 %';
comment on column analytics.freshness.signatures_written is 'signatures that the ERP took';
comment on column analytics.freshness.sign_to_erp_p50 is
'minutes from finding a signature to the ERP holding it, for half of them; null: none';
comment on column analytics.freshness.sign_to_erp_p95 is 'the same for 95 %';
comment on column analytics.freshness.overdue_now is
'of today only: open orders that have been due for more than 30 minutes; null on other '
'days';
