-- The open orders of the account are asked for their parcels as if there were no feed; the others
-- of their times are still to be planned.
with held as (
    select tracked_order.order_id
    from tracking.tracked_order
    where
        tracked_order.account = :account
        and tracked_order.closed_at is null
    order by tracked_order.order_id
    for update
)

update tracking.tracked_order
set
    ask_parcels_at = case
        when tracked_order.parcels_asked_at is null then tracked_order.ask_parcels_at
        when tracked_order.ask_parcels_at > tracked_order.parcels_asked_at + interval '24 hours'
            then tracked_order.parcels_asked_at + interval '24 hours'
        else tracked_order.ask_parcels_at
    end,
    unreported_at = null
from held
where tracked_order.order_id = held.order_id
returning tracked_order.order_id
