-- name: polls_due
-- How many orders of the account wait to be polled.
select count(*)
from tracking.tracked_order
where
    account = :account
    and closed_at is null
    and (priority > 0 or not :only_high_priority)
    and parcels_asked_at is not null
    and next_poll_at <= :now;


-- name: due
-- A batch of the account's orders whose parcels are to be asked for and that nobody holds, locked:
-- high priority first, then waiting for a signature to be confirmed, then by how long they wait.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.account = :account
    and tracked_order.closed_at is null
    and (tracked_order.priority > 0 or not :only_high_priority)
    and tracked_order.ask_parcels_at <= :now
    and (
        tracked_order.parcels_asked_at is null
        or tracked_order.parcels_asked_at
        <= :now - case when tracked_order.priority > 0 then :priority_spacing else :min_spacing end
    )
    and tracking.is_free(tracked_order.lease_until)
order by
    tracked_order.priority desc,
    tracked_order.status = 'signed' desc,
    tracked_order.ask_parcels_at asc,
    tracked_order.order_id asc
limit :most
for update skip locked;


-- name: due_for_backfill
-- Orders of the account in the interval whose parcels are not known yet and that nobody holds,
-- locked.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.account = :account
    and tracked_order.backfill_at is not null
    and tracked_order.parcels_asked_at is null
    and tracked_order.ask_parcels_at <= :now
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
-- What is known of the given orders.
select
    order_id,
    platform_order_id,
    fingerprint,
    all_signed
from tracking.tracked_order
where order_id = any(:orders);


-- name: record
-- Each answered order knows when to be asked next; once it has parcels, it is due to be polled, if
-- anybody waits for it.
-- A parcel that is new should have been reported by a feed of orders.
-- An order that is not shipped yet is asked again soon, one that fails ever more rarely. What a
-- feed reported of one since it was asked stays due.
update tracking.tracked_order
set
    parcels_asked_at
    = case when answer.has_parcels then answer.asked_at else tracked_order.parcels_asked_at end,
    ask_parcels_at = case
        when
            tracked_order.reported_at > answer.asked_at
            and tracked_order.ask_parcels_at <= tracked_order.reported_at
            then tracked_order.ask_parcels_at
        else
            answer.asked_at + case
                when answer.has_parcels and answer.error is null then interval '24 hours'
                else tracking.backed_off(
                    case
                        when tracked_order.priority > 0 then :priority_spacing else :min_spacing
                    end,
                    case when answer.error is null then 0 else tracked_order.failures end
                )
            end
    end,
    next_poll_at = case
        when answer.has_parcels and tracking.is_awaited(tracked_order.order_id)
            then coalesce(tracked_order.next_poll_at, answer.asked_at)
        else tracked_order.next_poll_at
    end,
    unreported_at = case
        when
            feed.feed = 'orders'
            -- An order that is asked for at another time than it was first seen was asked before.
            and coalesce(
                tracked_order.parcels_asked_at,
                case
                    when tracked_order.ask_parcels_at > tracked_order.first_seen_at
                        then tracked_order.first_seen_at
                end
            ) >= feed.trusted_since
            and (
                tracked_order.reported_at is null
                or tracked_order.reported_at <= tracked_order.parcels_asked_at
            )
            and exists (
                select 1
                from jsonb_array_elements_text(answer.consignments) as listed (consignment_id)
                where not exists (
                    select 1
                    from tracking.shipment
                    inner join tracking.order_shipment
                        on shipment.shipment_id = order_shipment.shipment_id
                    where
                        shipment.account = :account
                        and shipment.consignment_id = listed.consignment_id
                        and order_shipment.order_id = tracked_order.order_id
                )
            )
            then answer.asked_at
        else tracked_order.unreported_at
    end,
    has_unshipped_lines
    = coalesce(answer.has_unshipped_lines, tracked_order.has_unshipped_lines),
    closed_at = case when answer.too_old then answer.asked_at else tracked_order.closed_at end,
    backfill_at = case when answer.too_old then null else tracked_order.backfill_at end,
    failures = case when answer.error is null then 0 else tracked_order.failures + 1 end,
    last_error = answer.error
from
    jsonb_to_recordset(cast(:answers as jsonb))
        as answer (
            order_id bigint,
            asked_at timestamptz,
            consignments jsonb,
            has_parcels boolean,
            has_unshipped_lines boolean,
            error text,
            too_old boolean
        )
left join tracking.feed
    on
        feed.account = :account
        and feed.trusted_since is not null
where tracked_order.order_id = answer.order_id;


-- name: supersede
-- A parcel that the platform listed before and lists no more is superseded; its order forgets it.
update tracking.order_shipment as link
set superseded_at = listing.asked_at
from (
    select
        parcel.order_id,
        max(parcel.seen_at) as asked_at,
        array_agg(parcel.shipment_id) as listed
    from
        jsonb_to_recordset(cast(:parcels as jsonb))
            as parcel (
                order_id bigint,
                shipment_id bigint,
                seen_at timestamptz
            )
    group by parcel.order_id
) as listing
where
    link.order_id = listing.order_id
    and link.listed_at is not null
    and link.superseded_at is null
    and link.shipment_id <> all(listing.listed);


-- name: confirm
-- The orders were asked for their parcels, and know whether lines are still to be shipped. What a
-- feed reported of one since it was asked stays due.
update tracking.tracked_order
set
    parcels_asked_at = listing.asked_at,
    ask_parcels_at = case
        when
            tracked_order.reported_at > listing.asked_at
            and tracked_order.ask_parcels_at <= tracked_order.reported_at
            then tracked_order.ask_parcels_at
        else listing.asked_at + interval '24 hours'
    end,
    has_unshipped_lines = coalesce(listing.has_unshipped_lines, tracked_order.has_unshipped_lines)
from
    jsonb_to_recordset(cast(:listings as jsonb))
        as listing (order_id bigint, asked_at timestamptz, has_unshipped_lines boolean)
where tracked_order.order_id = listing.order_id;
