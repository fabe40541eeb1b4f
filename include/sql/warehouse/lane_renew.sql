-- What the owner still holds under the same token is held for another lease; a lease that ran out
-- is over, since what was learned under it may be old by now.
with held as (
    select tracked_order.order_id
    from tracking.tracked_order
    inner join
        unnest(cast(:orders as bigint[]), cast(:tokens as bigint[]))
            as given (order_id, lease_token)
        on
            tracked_order.order_id = given.order_id
            and tracked_order.lease_token = given.lease_token
    where
        tracked_order.lease_owner = :owner
        and tracked_order.lease_until >= clock_timestamp()
    order by tracked_order.order_id
    for update of tracked_order
)

update tracking.tracked_order
set lease_until = clock_timestamp() + :lease
from held
where tracked_order.order_id = held.order_id
returning tracked_order.order_id
