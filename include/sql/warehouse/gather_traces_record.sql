-- Each answered order that is still the owner's is free again and due after the least spacing;
-- its reply is kept if it says something new, which a feed of messages should have reported. One
-- that fails is polled ever more rarely, and one that nobody waits for is due for nothing.
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
                has_traces boolean,
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
),

polled as (
    update tracking.tracked_order
    set
        last_polled_at
        = case when answer.error is null then answer.asked_at else tracked_order.last_polled_at end,
        traces_seen_at
        = case when answer.has_traces then answer.asked_at else tracked_order.traces_seen_at end,
        next_poll_at = case
            when held.is_awaited
                then answer.asked_at + case
                    when tracked_order.priority > 0 then :priority_spacing
                    else :min_spacing
                end * case
                    when answer.error is null then 1
                    else power(2, least(tracked_order.failures, 4))
                end
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
            and feed.feed = 'messages'
    where tracked_order.order_id = answer.order_id
    returning
        tracked_order.order_id,
        answer.asked_at,
        answer.fingerprint,
        answer.body,
        answer.too_old
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
