-- What the owner still holds under the same token is held for another lease; a lease that ran out
-- is over, since what was learned under it may be old by now.
update tracking.tracked_order
set lease_until = clock_timestamp() + :lease
from unnest(cast(:orders as bigint[]), cast(:tokens as bigint[])) as held (order_id, lease_token)
where
    tracked_order.order_id = held.order_id
    and tracked_order.lease_token = held.lease_token
    and tracked_order.lease_owner = :owner
    and tracked_order.lease_until >= clock_timestamp()
returning tracked_order.order_id
