-- Every order of the stage waits to be polled by the backfill, unless it was polled just now.
with known as (
    select distinct tracked_order.order_id
    from incoming_row as incoming
    inner join tracking.tracked_order
        on
            incoming.platform = tracked_order.platform
            and incoming.account = tracked_order.account
            and incoming.platform_order_id = tracked_order.platform_order_id
    where incoming.refusal is null
),

wanted as (
    update tracking.tracked_order
    set backfill_at = :now
    from known
    where
        tracked_order.order_id = known.order_id
        and (
            tracked_order.last_polled_at is null
            or tracked_order.last_polled_at <= :now - :min_spacing
        )
    returning tracked_order.order_id
)

select
    (select count(*) from known) as orders,
    (select count(*) from wanted) as to_poll
