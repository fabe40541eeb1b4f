-- The orders that the owner holds under these tokens are free for anybody.
with held as (
    select tracked_order.order_id
    from tracking.tracked_order
    inner join
        unnest(cast(:orders as bigint[]), cast(:tokens as bigint[]))
            as given (order_id, lease_token)
        on
            tracked_order.order_id = given.order_id
            and tracked_order.lease_token = given.lease_token
    where tracked_order.lease_owner = :owner
    order by tracked_order.order_id
    for update of tracked_order
)

update tracking.tracked_order
set
    lease_owner = null,
    lease_until = null
from held
where tracked_order.order_id = held.order_id
