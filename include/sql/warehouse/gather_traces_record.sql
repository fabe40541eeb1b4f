-- Each answered order that is still the owner's is free again and due after the least spacing;
-- its reply is kept if it says something new. One that fails is polled ever more rarely. A parcel
-- signed by the platform's word alone is judged again once it was polled after that word; for a day
-- an empty answer is not believed then and does not count as a poll.
with answer as (
    select
        given.*
    from
        jsonb_to_recordset(cast(:answers as jsonb))
            as given (
                order_id bigint,
                lease_token bigint,
                asked_at timestamptz,
                fingerprint text,
                body jsonb,
                is_empty boolean,
                error text,
                too_old boolean
            )
),

held as (
    select
        tracked_order.order_id,
        tracked_order.last_polled_at as polled_before,
        answer.error is null
        and not (
            answer.is_empty
            and exists (
                select 1
                from tracking.order_shipment
                inner join tracking.shipment
                    on order_shipment.shipment_id = shipment.shipment_id
                where
                    order_shipment.order_id = tracked_order.order_id
                    and order_shipment.superseded_at is null
                    and shipment.platform_status = 'signed'
                    and shipment.platform_status_since > answer.asked_at - :confirm_within
            )
        ) as is_poll
    from tracking.tracked_order
    inner join answer
        on
            tracked_order.order_id = answer.order_id
            and tracked_order.lease_token = answer.lease_token
    where tracked_order.lease_owner = :owner
    order by tracked_order.order_id
    for update of tracked_order
),

polled as (
    update tracking.tracked_order
    set
        last_polled_at
        = case when held.is_poll then answer.asked_at else tracked_order.last_polled_at end,
        next_poll_at = answer.asked_at + :min_spacing * case
            when answer.error is null then 1
            else power(2, least(tracked_order.failures, 4))
        end,
        backfill_at = case
            when tracked_order.backfill_at is null or not :backfill then tracked_order.backfill_at
            when answer.error is null or answer.too_old then null
            else answer.asked_at + :min_spacing
        end,
        fingerprint = coalesce(answer.fingerprint, tracked_order.fingerprint),
        closed_at = case when answer.too_old then answer.asked_at else tracked_order.closed_at end,
        failures = case when answer.error is null then 0 else tracked_order.failures + 1 end,
        last_error = answer.error,
        lease_owner = null,
        lease_until = null
    from answer
    inner join held on answer.order_id = held.order_id
    where tracked_order.order_id = answer.order_id
    returning
        tracked_order.order_id,
        held.polled_before,
        tracked_order.last_polled_at,
        answer.asked_at,
        answer.fingerprint,
        answer.body,
        answer.too_old
),

signed_by_word as (
    select shipment.shipment_id
    from polled
    inner join tracking.order_shipment on polled.order_id = order_shipment.order_id
    inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
    where
        shipment.status = 'signed'
        and shipment.signed_at = shipment.platform_status_since
        and polled.last_polled_at >= shipment.platform_status_since
        and (
            polled.polled_before is null
            or polled.polled_before < shipment.platform_status_since
        )
    order by shipment.shipment_id
    for update of shipment
),

judged_again as (
    update tracking.shipment
    set unsettled = true
    from signed_by_word
    where shipment.shipment_id = signed_by_word.shipment_id
),

kept as (
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
    order by polled.order_id
)

select
    polled.order_id,
    polled.too_old
from polled
