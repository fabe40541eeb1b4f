-- The orders that the owner holds under these tokens are free for anybody.
update tracking.tracked_order
set
    lease_owner = null,
    lease_until = null
from unnest(cast(:orders as bigint[]), cast(:tokens as bigint[])) as held (order_id, lease_token)
where
    tracked_order.order_id = held.order_id
    and tracked_order.lease_token = held.lease_token
    and tracked_order.lease_owner = :owner
