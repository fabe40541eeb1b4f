-- name: shipments
-- What was known of the parcels before, when their orders were shipped and last asked for, and
-- whether one of them is open or was closed because it is signed; the parcels are locked until the
-- transaction ends.
-- A parcel's traces were not seen yet while its order's newest reply is still to be loaded, or
-- lacks a parcel that had some: where each is asked for on its own, one may be empty by mistake.
select
    shipment.shipment_id,
    shipment.account,
    shipment.consignment_id,
    shipment.waybill_no,
    shipment.platform_code,
    shipment.platform_status,
    shipment.platform_status_since,
    shipment.platform_status_at,
    shipment.platform_announce,
    shipment.status,
    shipment.signed_at,
    shipment.sign_seen_at,
    shipment.sign_confirmed_at,
    shipment.event_count,
    shipment.announced_status,
    shipment.trace_fetched_at,
    shipment.trace_since,
    shipment.trace_waybill_no,
    served.shipped_at,
    served.traces_seen_at,
    coalesce(served.traces_were_asked, false) as traces_were_asked,
    served.is_awaited,
    served.was_pruned,
    (
        select count(*)
        from tracking.status_change
        where status_change.shipment_id = shipment.shipment_id
    ) as changes
from tracking.shipment
left join lateral (
    select
        min(known.shipped_at) as shipped_at,
        max(known.traces_seen_at) filter (where known.has_newest_reply) as traces_seen_at,
        bool_or(
            known.last_polled_at >= shipment.platform_status_since
            or known.trace_failures >= :enough_failures
        ) as traces_were_asked,
        bool_or(known.closed_at is null or known.is_signed) as is_awaited,
        bool_or(known.pruned_at is not null) as was_pruned
    from (
        select
            tracked_order.traces_seen_at,
            tracked_order.last_polled_at,
            tracked_order.trace_failures,
            tracked_order.closed_at,
            tracked_order.pruned_at,
            (
                select min(erp_row.shipped_at)
                from tracking.erp_row
                where erp_row.order_id = tracked_order.order_id
            ) as shipped_at,
            not exists (
                select 1
                from tracking.trace_reply
                where
                    trace_reply.order_id = tracked_order.order_id
                    and trace_reply.quarantined_at is null
                    and (
                        trace_reply.loaded_at is null
                        or trace_reply.fetched_at > shipment.trace_fetched_at
                    )
            ) as has_newest_reply,
            exists(
                select 1
                from tracking.erp_row
                where
                    erp_row.order_id = tracked_order.order_id
                    and erp_row.close_reason = 'signed'
            ) as is_signed
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        where order_shipment.shipment_id = shipment.shipment_id
    ) as known
) as served on true
where shipment.shipment_id = any(:shipments)
order by shipment.shipment_id
for update of shipment;


-- name: trails
-- Every event of the parcels, in the order in which it happened.
select
    shipment_id,
    occurred_at,
    position,
    status,
    sign_kind,
    event_hash,
    action,
    decided_by,
    future_dated,
    withdrawn_at,
    earlier_life,
    fetched_at,
    city
from tracking.trace_event
where shipment_id = any(:shipments)
order by
    shipment_id,
    occurred_at,
    position,
    event_hash;


-- name: update_events
-- Known events that a reply reads anew, lacks or holds again say so.
update tracking.trace_event
set
    position = news.position,
    future_dated = news.future_dated,
    earlier_life = news.earlier_life,
    withdrawn_at = news.withdrawn_at,
    status = news.status,
    sign_kind = news.sign_kind,
    action = news.action,
    decided_by = news.decided_by,
    city = news.city
from
    jsonb_to_recordset(cast(:events as jsonb))
        as news (
            shipment_id bigint,
            occurred_at timestamptz,
            event_hash bigint,
            position integer,
            future_dated boolean,
            earlier_life boolean,
            withdrawn_at timestamptz,
            status text,
            sign_kind text,
            action text,
            decided_by text,
            city text
        )
where
    trace_event.shipment_id = news.shipment_id
    and trace_event.occurred_at = news.occurred_at
    and trace_event.event_hash = news.event_hash;


-- name: judge
-- The parcels carry their verdicts and the summary of their events.
update tracking.shipment
set
    status = verdict.status,
    announced_status = verdict.announced_status,
    sign_kind = verdict.sign_kind,
    signed_at = verdict.signed_at,
    sign_seen_at = verdict.sign_seen_at,
    sign_confirmed_at = verdict.sign_confirmed_at,
    sign_was_confirmed
    = shipment.sign_was_confirmed
    or shipment.sign_confirmed_at is not null
    or verdict.sign_confirmed_at is not null,
    unsettled = false,
    event_count = verdict.event_count,
    first_event_at = verdict.first_event_at,
    last_event_at = verdict.last_event_at,
    last_event = newest.description,
    last_event_status = newest.status,
    trace_fetched_at = verdict.trace_fetched_at,
    trace_since = verdict.trace_since,
    trace_waybill_no = verdict.trace_waybill_no,
    picked_up_at = verdict.picked_up_at,
    out_for_delivery_at = verdict.out_for_delivery_at,
    origin_city = verdict.origin_city,
    last_city = verdict.last_city
from
    jsonb_to_recordset(cast(:verdicts as jsonb))
        as verdict (
            shipment_id bigint,
            status text,
            announced_status text,
            sign_kind text,
            signed_at timestamptz,
            sign_seen_at timestamptz,
            sign_confirmed_at timestamptz,
            event_count integer,
            first_event_at timestamptz,
            last_event_at timestamptz,
            last_event_hash bigint,
            trace_fetched_at timestamptz,
            trace_since timestamptz,
            trace_waybill_no text,
            picked_up_at timestamptz,
            out_for_delivery_at timestamptz,
            origin_city text,
            last_city text
        )
left join tracking.trace_event as newest
    on
        verdict.shipment_id = newest.shipment_id
        and verdict.last_event_at = newest.occurred_at
        and verdict.last_event_hash = newest.event_hash
where shipment.shipment_id = verdict.shipment_id;


-- name: give_up_held
-- No held notice is about a parcel that no order lists any more: nothing will confirm its sign.
update tracking.notification
set
    state = 'suppressed',
    reason = 'closed'
where
    shipment_id = any(:shipments)
    and state = 'pending'
    and due_at is null
    and not exists (
        select 1
        from tracking.order_shipment
        where
            order_shipment.shipment_id = notification.shipment_id
            and order_shipment.superseded_at is null
    );


-- name: changes
-- Every transition is kept once.
insert into tracking.status_change (
    event_id, shipment_id, from_status, to_status, occurred_at, detected_at, run_id
)
select
    change.event_id,
    change.shipment_id,
    change.from_status,
    change.to_status,
    change.occurred_at,
    :now,
    :run_id
from
    jsonb_to_recordset(cast(:changes as jsonb))
        as change (
            event_id uuid,
            shipment_id bigint,
            from_status text,
            to_status text,
            occurred_at timestamptz
        )
order by change.event_id
on conflict (event_id) do nothing
returning event_id;


-- name: unhold
-- Notices of signs that are confirmed now may be sent.
update tracking.notification
set due_at = :now
where
    shipment_id = any(:shipments)
    and state = 'pending'
    and due_at is null;


-- name: coalesce
-- A held notice of a sign that was never confirmed is not sent once the parcel has moved on.
update tracking.notification
set
    state = 'suppressed',
    reason = 'superseded'
where
    shipment_id = any(:shipments)
    and state = 'pending'
    and due_at is null;


-- name: notices
-- Every change has its notice, to be sent or with the reason why not.
insert into tracking.notification (
    event_id, shipment_id, reason, from_status, state, created_at, due_at
)
select
    notice.event_id,
    notice.shipment_id,
    notice.reason,
    notice.from_status,
    notice.state,
    :now,
    case when notice.state = 'pending' and not notice.held then :now end
from
    jsonb_to_recordset(cast(:notices as jsonb))
        as notice (
            event_id uuid,
            shipment_id bigint,
            reason text,
            from_status text,
            state text,
            held boolean
        )
order by notice.event_id
on conflict (event_id, audience, channel) do nothing;


-- name: parcels
-- The judged parcels of the orders that are not superseded, with every number each of them had.
select
    order_shipment.order_id,
    order_shipment.first_seen_at,
    order_shipment.listed_at,
    shipment.shipment_id,
    shipment.status,
    shipment.sign_kind,
    shipment.signed_at,
    shipment.sign_confirmed_at,
    shipment.sign_seen_at,
    shipment.waybill_no,
    shipment.last_event,
    shipment.last_event_at,
    last_sign.event_id as sign_event,
    (
        select max(trace_event.occurred_at)
        from tracking.trace_event
        where
            shipment.status = 'signed'
            and shipment.sign_confirmed_at is null
            and trace_event.shipment_id = shipment.shipment_id
            and trace_event.status = 'signed'
            and trace_event.earlier_life
            and trace_event.withdrawn_at is null
    ) as earlier_sign_at,
    array(
        select shipment_waybill.waybill_no
        from tracking.shipment_waybill
        where shipment_waybill.shipment_id = shipment.shipment_id
    ) as waybills
from tracking.order_shipment
inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
left join lateral (
    select status_change.event_id
    from tracking.status_change
    where
        shipment.status = 'signed'
        and status_change.shipment_id = shipment.shipment_id
        and status_change.to_status = 'signed'
    order by status_change.detected_at desc, status_change.occurred_at desc
    limit 1
) as last_sign on true
where
    order_shipment.order_id = any(:orders)
    and order_shipment.superseded_at is null
order by
    order_shipment.order_id,
    shipment.shipment_id;


-- name: rows
-- The ERP rows of the orders that are judged by their parcels, with the signature that each was
-- given before. One that was settled before the parcels were pruned stays the same signature, and
-- so does one that was written before. A row that was signed and closed before the parcels were
-- pruned is not judged again: its evidence is deleted.
select
    erp_row.order_id,
    erp_row.erp_key,
    erp_row.waybill_no,
    erp_row.shipped_at,
    erp_row.signed_at,
    erp_row.sign_kind,
    coalesce(
        erp_row.sign_event,
        case when tracked_order.pruned_at is not null then erp_row.settled_event end
    ) as sign_event,
    tracked_order.has_unshipped_lines,
    written.source_event as written_event
from tracking.erp_row
inner join tracking.tracked_order on erp_row.order_id = tracked_order.order_id
left join tracking.erp_writeback as written
    on
        erp_row.erp_key = written.erp_key
        and erp_row.settled_event = written.source_event
        and written.waybill_no = coalesce(erp_row.waybill_no, '')
        and written.outcome in ('signed', 'already')
where
    erp_row.order_id = any(:orders)
    and not coalesce(
        erp_row.signed_at is not null and erp_row.closed_at <= tracked_order.pruned_at, false
    )
order by erp_row.erp_key;


-- name: settle_rows
-- Every ERP row carries its verdict. A row whose trace is another than the ERP was shown says so.
update tracking.erp_row
set
    status = verdict.status,
    parcels = verdict.parcels,
    parcels_signed = verdict.parcels_signed,
    signed_at = verdict.signed_at,
    sign_kind = verdict.sign_kind,
    sign_event = verdict.sign_event,
    sign_error = verdict.sign_error,
    latest_trace = verdict.latest_trace,
    latest_trace_at = verdict.latest_trace_at,
    waybill_nos = verdict.waybill_nos,
    trace_changed
    = erp_row.trace_changed
    or (erp_row.status, erp_row.latest_trace, erp_row.latest_trace_at, erp_row.waybill_nos)
    is distinct from (
        verdict.status, verdict.latest_trace, verdict.latest_trace_at, verdict.waybill_nos
    )
from
    jsonb_to_recordset(cast(:verdicts as jsonb))
        as verdict (
            erp_key text,
            status text,
            parcels integer,
            parcels_signed integer,
            signed_at timestamptz,
            sign_kind text,
            sign_event uuid,
            latest_trace text,
            latest_trace_at timestamptz,
            waybill_nos text,
            sign_error text
        )
where
    erp_row.erp_key = verdict.erp_key
    and (
        erp_row.status,
        erp_row.parcels,
        erp_row.parcels_signed,
        erp_row.signed_at,
        erp_row.sign_event,
        erp_row.sign_error,
        erp_row.latest_trace,
        erp_row.latest_trace_at,
        erp_row.waybill_nos
    ) is distinct from (
        verdict.status,
        verdict.parcels,
        verdict.parcels_signed,
        verdict.signed_at,
        verdict.sign_event,
        verdict.sign_error,
        verdict.latest_trace,
        verdict.latest_trace_at,
        verdict.waybill_nos
    );


-- name: settle_orders
-- Every one of the orders knows its status and when its platform is asked for parcels next: again
-- and again while a signature waits for its confirmation, ever more rarely, at once when all are
-- signed and the unshipped lines are not known, and when a trace named an unlisted parcel; as a
-- feed asked since the parcels were; else after a quiet day. An order whose rows are all signed is
-- asked for no more.
with verdict as (
    select
        given.*,
        exists(
            select 1
            from tracking.erp_row
            where
                erp_row.order_id = given.order_id
                and erp_row.closed_at is null
                and erp_row.signed_at is null
        ) as has_unsigned_rows
    from
        jsonb_to_recordset(cast(:verdicts as jsonb))
            as given (
                order_id bigint,
                status text,
                all_signed boolean,
                unconfirmed_since timestamptz,
                unlisted_since timestamptz,
                last_event_at timestamptz
            )
)

update tracking.tracked_order
set
    status = verdict.status,
    all_signed = verdict.all_signed,
    next_poll_at = case
        when verdict.has_unsigned_rows then coalesce(tracked_order.next_poll_at, :now)
    end,
    ask_parcels_at = case
        when not verdict.has_unsigned_rows then null
        when tracked_order.parcels_asked_at >= verdict.unconfirmed_since
            then
                tracked_order.parcels_asked_at
                + (tracked_order.parcels_asked_at - verdict.unconfirmed_since) / 2
        when verdict.unconfirmed_since is not null then :now
        when verdict.all_signed and tracked_order.has_unshipped_lines is null then :now
        when verdict.unlisted_since >= tracked_order.parcels_asked_at then :now
        when
            tracked_order.reported_at > tracked_order.parcels_asked_at
            and tracked_order.ask_parcels_at <= tracked_order.reported_at
            then tracked_order.ask_parcels_at
        else
            greatest(tracked_order.parcels_asked_at, verdict.last_event_at) + interval '24 hours'
    end
from verdict
where tracked_order.order_id = verdict.order_id;
