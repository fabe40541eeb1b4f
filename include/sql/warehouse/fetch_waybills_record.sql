-- Each answered order that is still the owner's is free again and knows when to be asked next;
-- once it has parcels, it is due to be polled, if anybody waits for it.
-- A parcel that is new should have been reported by a feed of orders.
-- An order that is not shipped yet is asked again soon, one that fails ever more rarely.
with answer as (
    select
        given.*
    from
        jsonb_to_recordset(cast(:answers as jsonb))
            as given (
                order_id bigint,
                lease_token bigint,
                asked_at timestamptz,
                consignments jsonb,
                has_parcels boolean,
                has_unshipped_lines boolean,
                error text,
                too_old boolean
            )
),

held as (
    select
        tracked_order.order_id,
        answer.lease_token,
        (
            select count(*) > 0
            from tracking.erp_row
            where
                erp_row.order_id = tracked_order.order_id
                and erp_row.closed_at is null
                and erp_row.signed_at is null
        ) as is_awaited
    from tracking.tracked_order
    inner join answer
        on
            tracked_order.order_id = answer.order_id
            and tracked_order.lease_token = answer.lease_token
    where
        tracked_order.lease_owner = :owner
        and tracked_order.lease_until >= clock_timestamp()
    order by tracked_order.order_id
    for update of tracked_order
)

update tracking.tracked_order
set
    parcels_asked_at
    = case when answer.has_parcels then answer.asked_at else tracked_order.parcels_asked_at end,
    ask_parcels_at = answer.asked_at + case
        when answer.has_parcels and answer.error is null then interval '24 hours'
        else case
            when tracked_order.priority > 0 then :priority_spacing
            else :min_spacing
        end * case
            when answer.error is null then 1
            else power(2, least(tracked_order.failures, 4))
        end
    end,
    next_poll_at = case
        when answer.has_parcels and held.is_awaited
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
    last_error = answer.error,
    lease_owner = null,
    lease_until = null
from answer
inner join held
    on
        answer.order_id = held.order_id
        and answer.lease_token = held.lease_token
left join tracking.feed
    on
        feed.account = :account
        and feed.trusted_since is not null
where tracked_order.order_id = answer.order_id
returning
    tracked_order.order_id,
    answer.too_old
