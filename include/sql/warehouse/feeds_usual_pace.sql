-- The open orders of the account, locked: their times are to be planned anew. What polls found and
-- the feed did not report yet is no longer held against it.
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
set unreported_at = null
from held
where tracked_order.order_id = held.order_id
returning tracked_order.order_id
