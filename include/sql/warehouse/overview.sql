-- name: unknown_texts
-- The unknown and narrow texts of the warehouse are returned, the most frequent first.
select
    description,
    status,
    decided_by,
    seen,
    last_seen_at
from analytics.unknown_texts
order by seen desc, last_seen_at desc, description asc
limit :most;


-- name: carriers
-- Every carrier of a parcel is returned, the most frequent first.
select
    shipment.carrier_code,
    shipment.carrier_name,
    count(distinct shipment.shipment_id) as parcels,
    max(order_shipment.first_seen_at) as last_seen_at
from tracking.shipment
inner join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
where
    shipment.carrier_code is not null
    or shipment.carrier_name is not null
group by
    shipment.carrier_code,
    shipment.carrier_name
order by
    parcels desc,
    shipment.carrier_code asc,
    shipment.carrier_name asc;


-- name: last_runs
-- The newest runs are returned.
select
    run_id as run,
    started_at as started,
    summary
from analytics.runs
order by started_at desc
limit 3;


-- name: open_orders
-- The open orders by account and status, with how many are overdue by more than 30 minutes.
select
    account,
    status,
    count(*) as orders,
    count(*) filter (
        where
        case when parcels_asked_at is null then ask_parcels_at else next_poll_at end
        < now() - interval '30 minutes'
    ) as overdue
from tracking.tracked_order
where closed_at is null
group by
    account,
    status
order by
    account,
    status;


-- name: open_stalls
-- The open stalls by stage.
select
    stage,
    count(*) as parcels,
    min(since) as longest_since
from tracking.stall
where cleared_at is null
group by stage
order by parcels desc, stage asc;


-- name: failing_accounts
-- The accounts whose last lane failed as a whole, or that may make no call now, with why.
select
    account,
    opened_at as since,
    reason
from tracking.circuit
union all
select
    api_quota_account.account,
    null as since,
    'no calls until ' || to_char(
        max(api_quota.blocked_until) at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI'
    ) as reason
from tracking.api_quota
inner join tracking.api_quota_account
    on
        api_quota.gateway = api_quota_account.gateway
        and api_quota.app_key = api_quota_account.app_key
where api_quota.blocked_until > clock_timestamp()
group by api_quota_account.account
order by account;


-- name: backlog
-- The backlog by kind; kinds without any are left out.
select
    waits,
    number
from (
    select
        'orders left over by the last run' as waits,
        (
            select run.left_over
            from tracking.run
            where
                run.run_type <> 'backfill'
                and run.run_id not like 'sync_priority/%'
            order by run.started_at desc
            limit 1
        ) as number
    union all
    select
        'replies to be loaded' as waits,
        count(*) as number
    from tracking.trace_reply
    where
        loaded_at is null
        and quarantined_at is null
    union all
    select
        'signatures to be written to the ERP' as waits,
        count(*) as number
    from tracking.erp_row
    where
        sign_event is not null
        and sign_event is distinct from settled_event
    union all
    select
        'notices to be sent' as waits,
        count(*) as number
    from tracking.notification
    where
        state = 'pending'
        and due_at is not null
) as backlog
where number > 0;


-- name: open_alerts
-- The open alerts, critical ones first.
select
    severity,
    kind,
    subject,
    opened_at as since,
    detail
from tracking.alert
where cleared_at is null
order by severity, opened_at;


-- name: dead_notices
-- The notices that were given up, by channel, with the newest reason.
select
    audience,
    channel,
    count(*) as notices,
    (array_agg(last_error order by notification_id desc))[1] as last_error
from tracking.notification
where state = 'dead'
group by
    audience,
    channel
order by
    audience,
    channel;


-- name: find_orders
-- The orders that a number names: the ERP's key, the platform's number, or a waybill number; where
-- none is exactly that, those whose waybill number ends with it.
with exact as (
    select erp_row.order_id
    from tracking.erp_row
    where erp_row.erp_key = :number
    union
    select tracked_order.order_id
    from tracking.tracked_order
    where tracked_order.platform_order_id = :number
    union
    select order_shipment.order_id
    from tracking.shipment_waybill
    inner join tracking.order_shipment
        on shipment_waybill.shipment_id = order_shipment.shipment_id
    where shipment_waybill.waybill_no in (:number, tracking.fold_waybill(:number))
),

ending as (
    select order_shipment.order_id
    from tracking.shipment_waybill
    inner join tracking.order_shipment
        on shipment_waybill.shipment_id = order_shipment.shipment_id
    where
        length(tracking.fold_waybill(:number)) >= :shortest
        and right(shipment_waybill.waybill_no, length(tracking.fold_waybill(:number)))
        = tracking.fold_waybill(:number)
        and not exists (select 1 from exact)
),

named as (
    select order_id
    from exact
    where order_id is not null
    union
    select order_id
    from ending
)

select
    tracked_order.order_id,
    tracked_order.account,
    tracked_order.platform_order_id,
    (
        select string_agg(erp_row.erp_key, ', ' order by erp_row.erp_key)
        from tracking.erp_row
        where erp_row.order_id = tracked_order.order_id
    ) as erp_keys,
    tracked_order.status
from named
inner join tracking.tracked_order on named.order_id = tracked_order.order_id
order by tracked_order.order_id desc
limit 20;


-- name: order_rows
-- The order's rows at the ERP, with when it is polled next and why it is not signed yet.
select
    erp_row.erp_key,
    erp_row.status,
    erp_row.shipped_at as shipped,
    erp_row.promised_at as promised,
    erp_row.signed_at as signed,
    tracked_order.last_polled_at as last_poll,
    case
        when tracked_order.parcels_asked_at is null then tracked_order.ask_parcels_at
        else tracked_order.next_poll_at
    end as next_poll,
    erp_row.close_reason as closed,
    case
        when erp_row.signed_at is not null then null
        else concat_ws(
            '; ',
            erp_row.last_error,
            erp_row.sign_error,
            tracked_order.last_error,
            tracked_order.load_error,
            case when parcel.parcels = 0 then 'no parcel is known yet' end,
            case
                when tracked_order.has_unshipped_lines
                    then 'the platform reports lines that are not shipped'
            end,
            parcel.unsigned
        )
    end as not_signed_because
from tracking.erp_row
inner join tracking.tracked_order on erp_row.order_id = tracked_order.order_id
left join lateral (
    select
        count(*) as parcels,
        string_agg(
            coalesce(shipment.waybill_no, shipment.consignment_id) || ' is ' || shipment.status
            || case
                when shipment.status = 'signed' then ', to be confirmed by the platform'
                else ''
            end,
            '; '
            order by shipment.shipment_id
        ) filter (
            where shipment.sign_confirmed_at is null and shipment.status <> 'cancelled'
        ) as unsigned
    from tracking.order_shipment
    inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
    where
        order_shipment.order_id = tracked_order.order_id
        and order_shipment.superseded_at is null
) as parcel on true
where erp_row.order_id = :order_id
order by erp_row.erp_key;


-- name: order_parcels
-- The order's parcels.
select
    waybill_no as waybill,
    carrier_name as carrier,
    case when superseded then status || ' (superseded)' else status end as status,
    origin_city,
    last_city,
    picked_up_at as picked_up,
    signed_at as signed,
    sign_kind
from analytics.shipments
where
    account = :account
    and platform_order_id = :platform_order_id
order by shipment_id;


-- name: order_timeline
-- The scans of the order's parcels, the newest first.
select
    occurred_at as at,
    waybill_no as waybill,
    city,
    case
        when withdrawn_at is not null then 'withdrawn'
        when future_dated then 'future-dated'
        when earlier_life then 'earlier parcel'
        else status
    end as status,
    description as text
from analytics.trace_events
where
    account = :account
    and platform_order_id = :platform_order_id
order by occurred_at desc, waybill_no asc
limit 50;


-- name: order_writes
-- What was written to the ERP for the order, the newest first.
select
    erp_key,
    coalesce(written_at, created_at) as at,
    coalesce(outcome, 'not known yet') as outcome,
    signed_at as signed,
    detail
from tracking.erp_writeback
where
    account = :account
    and platform_order_id = :platform_order_id
order by writeback_id desc;


-- name: order_notices
-- The notices about the order's parcels, the newest first.
select
    notification.created_at as at,
    notification.audience,
    notification.channel,
    notification.reason,
    notification.state,
    notification.sent_at as sent,
    notification.last_error
from tracking.notification
inner join tracking.order_shipment on notification.shipment_id = order_shipment.shipment_id
where order_shipment.order_id = :order_id
order by notification.notification_id desc
limit 50;
