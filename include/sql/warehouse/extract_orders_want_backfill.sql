-- Every order of the stage waits to be polled by the backfill, unless it was polled just now; one
-- without known parcels is due to be asked for them.
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
    set
        backfill_at = :now,
        ask_parcels_at = case
            when tracked_order.parcels_asked_at is null then :now
            else tracked_order.ask_parcels_at
        end
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
