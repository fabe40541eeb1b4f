-- name: due
-- A batch of the most urgent due orders of the account that nobody holds, locked: high priority
-- first, then out for delivery, then overdue by longest.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.account = :account
    and tracked_order.closed_at is null
    and (tracked_order.priority > 0 or not :only_high_priority)
    and tracked_order.parcels_asked_at is not null
    and tracked_order.next_poll_at <= :now
    and (
        tracked_order.last_polled_at is null
        or tracked_order.last_polled_at
        <= :now - case when tracked_order.priority > 0 then :priority_spacing else :min_spacing end
    )
    and tracking.is_free(tracked_order.lease_until)
order by
    tracked_order.priority desc,
    tracked_order.status = 'out_for_delivery' desc,
    tracked_order.next_poll_at asc,
    tracked_order.order_id asc
limit :most
for update skip locked;


-- name: due_for_backfill
-- A batch of the account's orders that a backfill of the interval still has to poll and nobody
-- holds, locked.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.account = :account
    and tracked_order.backfill_at <= :now
    and tracked_order.parcels_asked_at is not null
    and (
        tracked_order.last_polled_at is null
        or tracked_order.last_polled_at <= :now - :min_spacing
    )
    and tracking.is_free(tracked_order.lease_until)
    and exists (
        select 1
        from tracking.erp_row
        where
            erp_row.order_id = tracked_order.order_id
            and erp_row.shipped_at >= :shipped_from
            and erp_row.shipped_at < :shipped_to
    )
order by tracked_order.order_id
limit :most
for update skip locked;


-- name: claimed
-- What is known of the given orders. Each knows its parcels by waybill, live ones before others;
-- several that share a number have its trace. A router's parcel goes by what the router calls it,
-- and only while it is not superseded: nobody but us names it.
select
    tracked_order.order_id,
    tracked_order.platform_order_id,
    tracked_order.fingerprint,
    tracked_order.all_signed,
    (
        select coalesce(jsonb_object_agg(known.waybill_no, known.names), '{}')
        from (
            select
                named.waybill_no,
                jsonb_agg(named.parcel order by named.shipment_id) as names
            from (
                select
                    shipment_waybill.waybill_no,
                    shipment.shipment_id,
                    coalesce(
                        shipment.router_code || ':' || shipment.waybill_no,
                        shipment.consignment_id
                    ) as parcel,
                    rank() over (
                        partition by shipment_waybill.waybill_no
                        order by
                            (order_shipment.superseded_at is null) desc,
                            (shipment.status <> 'cancelled') desc
                    ) as place
                from tracking.order_shipment
                inner join tracking.shipment
                    on order_shipment.shipment_id = shipment.shipment_id
                inner join tracking.shipment_waybill
                    on order_shipment.shipment_id = shipment_waybill.shipment_id
                where
                    order_shipment.order_id = tracked_order.order_id
                    and (
                        shipment.router_code is null
                        or (
                            order_shipment.superseded_at is null
                            and shipment.waybill_no = shipment_waybill.waybill_no
                        )
                    )
            ) as named
            where named.place = 1
            group by named.waybill_no
        ) as known
    ) as waybills,
    (
        select
            coalesce(
                jsonb_object_agg(
                    coalesce(
                        shipment.router_code || ':' || shipment.waybill_no,
                        shipment.consignment_id
                    ),
                    shipment.sign_confirmed_at is not null or shipment.platform_status = 'signed'
                ),
                '{}'
            )
        from tracking.order_shipment
        inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
        where
            order_shipment.order_id = tracked_order.order_id
            and (shipment.sign_seen_at is not null or shipment.platform_status = 'signed')
    ) as signatures
from tracking.tracked_order
where tracked_order.order_id = any(:orders);


-- name: record
-- Each answered order is due again after the least spacing; its reply is kept if it says something
-- new, which a feed of messages should have reported. One that fails is polled ever more rarely,
-- and one that nobody waits for is not scheduled.
with polled as (
    update tracking.tracked_order
    set
        last_polled_at
        = case when answer.error is null then answer.asked_at else tracked_order.last_polled_at end,
        traces_seen_at
        = case when answer.has_traces then answer.asked_at else tracked_order.traces_seen_at end,
        next_poll_at = case
            when tracking.is_awaited(tracked_order.order_id)
                then answer.asked_at + tracking.backed_off(
                    case
                        when tracked_order.priority > 0 then :priority_spacing else :min_spacing
                    end,
                    case when answer.error is null then 0 else tracked_order.failures end
                )
        end,
        backfill_at = case
            when answer.error is null or answer.too_old then null
            when :backfill or tracked_order.backfill_at is not null
                then answer.asked_at + :min_spacing
        end,
        fingerprint = coalesce(answer.fingerprint, tracked_order.fingerprint),
        unreported_at = case
            when
                answer.body is not null
                and tracked_order.last_polled_at >= feed.trusted_since
                and (
                    tracked_order.reported_at is null
                    or tracked_order.reported_at <= tracked_order.last_polled_at
                )
                then answer.asked_at
            else tracked_order.unreported_at
        end,
        closed_at = case when answer.too_old then answer.asked_at else tracked_order.closed_at end,
        failures = case when answer.error is null then 0 else tracked_order.failures + 1 end,
        trace_failures
        = case when answer.error is null then 0 else tracked_order.trace_failures + 1 end,
        last_error = answer.error
    from
        jsonb_to_recordset(cast(:answers as jsonb))
            as answer (
                order_id bigint,
                asked_at timestamptz,
                fingerprint text,
                body jsonb,
                has_traces boolean,
                error text,
                too_old boolean
            )
    left join tracking.feed
        on
            feed.account = :account
            and feed.feed = 'messages'
    where tracked_order.order_id = answer.order_id
    returning
        tracked_order.order_id,
        answer.asked_at,
        answer.fingerprint,
        answer.body
)

insert into tracking.trace_reply (
    order_id, dialect, fetched_at, fingerprint, body, announce, run_id
)
select
    polled.order_id,
    :dialect,
    polled.asked_at,
    polled.fingerprint,
    polled.body,
    :announce,
    :run_id
from polled
where polled.body is not null
order by polled.order_id;


-- name: waiting
-- A batch of the oldest replies that wait behind the last one are ours until the transaction ends.
select
    trace_reply.reply_id,
    trace_reply.order_id,
    tracked_order.account,
    trace_reply.dialect,
    trace_reply.fetched_at,
    trace_reply.body,
    trace_reply.announce
from tracking.trace_reply
inner join tracking.tracked_order on trace_reply.order_id = tracked_order.order_id
where
    trace_reply.loaded_at is null
    and trace_reply.quarantined_at is null
    and trace_reply.reply_id > :after
order by trace_reply.reply_id
limit :most
for update of trace_reply skip locked;


-- name: done
-- The replies are loaded, and their orders have no unreadable reply any more.
with done as (
    update tracking.trace_reply
    set
        loaded_at = :now,
        quarantined_at = null,
        last_error = null
    where reply_id = any(:replies)
    returning order_id
)

update tracking.tracked_order
set load_error = null
from done
where
    tracked_order.order_id = done.order_id
    and tracked_order.load_error is not null;


-- name: quarantine
-- The reply was tried once more; after the last try it is quarantined. Its order says why.
with tried as (
    update tracking.trace_reply
    set
        attempts = attempts + 1,
        last_error = :error,
        quarantined_at = case when attempts + 1 >= :tries then cast(:now as timestamptz) end
    where
        reply_id = :reply_id
        and loaded_at is null
    returning
        order_id,
        reply_id
)

update tracking.tracked_order
set load_error = 'reply ' || tried.reply_id || ' cannot be loaded: ' || cast(:error as text)
from tried
where tracked_order.order_id = tried.order_id;
