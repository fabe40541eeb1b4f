-- name: begin
-- The transaction reads only if that is wanted, and each of its statements ends in time.
select
    set_config('transaction_read_only', :read_only, true) as read_only,
    set_config('statement_timeout', :timeout, true) as statement_timeout,
    set_config('lock_timeout', :timeout, true) as lock_timeout;


-- name: search
-- The orders that a term names are returned, whole matches first, then the newest. An order is
-- named by its number, an ERP key or a waybill number, or by the end of one.
with matched as (
    (
        select
            erp_row.order_id,
            erp_row.erp_key,
            cast(null as bigint) as shipment_id,
            upper(erp_row.erp_key) = :term as is_whole
        from tracking.erp_row
        where reverse(upper(erp_row.erp_key)) like :pattern
        order by reverse(upper(erp_row.erp_key))
        limit :most
    )
    union all
    (
        select
            tracked_order.order_id,
            null as erp_key,
            null as shipment_id,
            tracked_order.platform_order_id = :term as is_whole
        from tracking.tracked_order
        where reverse(tracked_order.platform_order_id) like :pattern
        order by reverse(tracked_order.platform_order_id)
        limit :most
    )
    union all
    (
        select
            order_shipment.order_id,
            null as erp_key,
            shipment_waybill.shipment_id,
            upper(shipment_waybill.waybill_no) = :term as is_whole
        from tracking.shipment_waybill
        inner join tracking.order_shipment
            on shipment_waybill.shipment_id = order_shipment.shipment_id
        where reverse(upper(shipment_waybill.waybill_no)) like :pattern
        order by reverse(upper(shipment_waybill.waybill_no))
        limit :most
    )
),

found as (
    select
        matched.order_id,
        case when matched.order_id is null then matched.erp_key end as untracked_key,
        max(matched.shipment_id) as shipment_id,
        bool_or(matched.is_whole) as is_whole
    from matched
    group by matched.order_id, case when matched.order_id is null then matched.erp_key end
)

select
    found.order_id,
    found.shipment_id,
    found.is_whole,
    coalesce(rows.erp_keys, found.untracked_key, '') as erp_keys,
    coalesce(tracked_order.account, rows.account) as account,
    coalesce(tracked_order.platform_order_id, rows.platform_order_id) as platform_order_id,
    coalesce(tracked_order.status, 'pending') as status,
    rows.waybill_nos,
    rows.latest_trace,
    rows.latest_trace_at,
    rows.problem
from found
left join tracking.tracked_order on found.order_id = tracked_order.order_id
left join lateral (
    select
        string_agg(erp_row.erp_key, ', ' order by erp_row.erp_key) as erp_keys,
        min(erp_row.account) as account,
        min(erp_row.platform_order_id) as platform_order_id,
        max(erp_row.waybill_nos) as waybill_nos,
        max(erp_row.latest_trace) as latest_trace,
        max(erp_row.latest_trace_at) as latest_trace_at,
        max(erp_row.last_error) as problem
    from tracking.erp_row
    where erp_row.order_id = found.order_id or erp_row.erp_key = found.untracked_key
) as rows on true
order by
    found.is_whole desc,
    coalesce(rows.latest_trace_at, tracked_order.first_seen_at) desc nulls last,
    found.order_id desc
limit :most;


-- name: order
-- One order is returned with when it was and will be polled, and why it fails.
select
    order_id,
    platform,
    account,
    platform_order_id,
    status,
    priority,
    first_seen_at,
    closed_at,
    last_polled_at,
    next_poll_at,
    parcels_asked_at,
    failures,
    last_error,
    load_error,
    not tracking.is_free(lease_until) as is_leased
from tracking.tracked_order
where order_id = :order_id;


-- name: erp_rows
-- The ERP's rows of an order are returned, with when those are expected that are on their way.
select
    erp_row.erp_key,
    erp_row.waybill_no,
    erp_row.status,
    erp_row.shipped_at,
    erp_row.signed_at,
    erp_row.sign_kind,
    erp_row.listed,
    erp_row.closed_at,
    erp_row.close_reason,
    erp_row.shown_at,
    coalesce(erp_row.last_error, erp_row.sign_error, erp_row.trace_error) as problem,
    estimated.eta_p50,
    estimated.eta_p90,
    coalesce(estimated.expected_by <= :now, false) as is_late
from tracking.erp_row
left join tracking.row_eta as estimated on erp_row.erp_key = estimated.erp_key
where erp_row.order_id = :order_id
order by erp_row.erp_key;


-- name: parcels
-- The parcels of an order are returned, those that still count first, with when those are expected
-- that are on their way. An estimate holds for the status for which it was made.
select
    shipment.shipment_id,
    shipment.consignment_id,
    shipment.waybill_no,
    shipment.carrier_code,
    shipment.carrier_name,
    shipment.status,
    shipment.sign_kind,
    shipment.signed_at,
    shipment.sign_seen_at,
    shipment.sign_confirmed_at,
    shipment.platform_status,
    shipment.platform_status_at,
    shipment.first_event_at,
    shipment.last_event_at,
    shipment.last_event,
    shipment.event_count,
    shipment.trace_fetched_at,
    order_shipment.superseded_at,
    estimated.eta_p50,
    estimated.eta_p90,
    estimated.eta_basis,
    estimated.expected_by,
    coalesce(estimated.expected_by <= :now, false) as is_late
from tracking.order_shipment
inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
left join lateral (
    select
        shipment_eta.eta_p50,
        shipment_eta.eta_p90,
        shipment_eta.eta_basis,
        tracking.late_from(shipment_eta.status, shipment_eta.expected_by) as expected_by
    from tracking.shipment_eta
    where
        shipment_eta.shipment_id = shipment.shipment_id
        and shipment_eta.status = shipment.status
        and order_shipment.superseded_at is null
        and tracking.is_awaited(order_shipment.order_id)
) as estimated on true
where order_shipment.order_id = :order_id
order by order_shipment.superseded_at nulls first, shipment.shipment_id
limit :most;


-- name: events
-- The newest scans of a parcel are returned, the newest first.
select
    occurred_at,
    status,
    sign_kind,
    description,
    city,
    action,
    decided_by,
    fetched_at,
    future_dated,
    earlier_life,
    withdrawn_at
from tracking.trace_event
where shipment_id = :shipment_id
order by occurred_at desc, position desc
limit :most;


-- name: changes
-- The changes of a parcel's status are returned, the newest first.
select
    from_status,
    to_status,
    occurred_at,
    detected_at
from tracking.status_change
where shipment_id = :shipment_id
order by detected_at desc, occurred_at desc
limit :most;


-- name: parcel_notices
-- The notices about a parcel are returned, the newest first.
select
    notification_id,
    audience,
    channel,
    reason,
    state,
    attempts,
    created_at,
    due_at,
    sent_at,
    last_error
from tracking.notification
where shipment_id = :shipment_id
order by created_at desc, notification_id desc
limit :most;


-- name: writebacks
-- What was written to the ERP's rows of an order is returned, the newest first.
select
    erp_writeback.erp_key,
    erp_writeback.outcome,
    erp_writeback.detail,
    erp_writeback.signed_at,
    erp_writeback.created_at,
    erp_writeback.written_at
from tracking.erp_writeback
where
    erp_writeback.erp_key in (
        select erp_row.erp_key
        from tracking.erp_row
        where erp_row.order_id = :order_id
    )
order by erp_writeback.created_at desc
limit :most;


-- name: stalls
-- The stalls of a parcel are returned, the newest first, with who acknowledged them.
select
    stall.stall_id,
    stall.stage,
    stall.since,
    stall.opened_at,
    stall.cleared_at,
    stall.alerted_at,
    acknowledged.actor,
    acknowledged.acted_at,
    acknowledged.reason
from tracking.stall
left join lateral (
    select
        act.actor,
        act.acted_at,
        act.reason
    from tracking.act
    where
        act.kind = 'acknowledge_stall'
        and act.subject_id = stall.stall_id
    order by act.act_id desc
    limit 1
) as acknowledged on true
where stall.shipment_id = :shipment_id
order by stall.opened_at desc
limit :most;


-- name: rejected
-- The steps of an order's replies that could not be loaded are returned, the newest first.
select
    consignment_id,
    occurred_at_text,
    description,
    reason,
    fetched_at
from tracking.rejected_event
where order_id = :order_id
order by fetched_at desc
limit :most;


-- name: replies
-- The stored replies about an order are returned, the newest first, without their bodies.
select
    reply_id,
    dialect,
    fetched_at,
    loaded_at,
    quarantined_at,
    attempts,
    last_error
from tracking.trace_reply
where order_id = :order_id
order by reply_id desc
limit :most;


-- name: reply
-- One masked reply about an order is returned, indented.
select
    fetched_at,
    dialect,
    jsonb_pretty(body) as body
from tracking.trace_reply
where
    order_id = :order_id
    and reply_id = :reply_id;


-- name: order_acts
-- What people did about an order is returned, the newest first.
select
    acted_at,
    actor,
    kind,
    subject,
    reason
from tracking.act
where order_id = :order_id
order by act_id desc
limit :most;
