-- Nothing of this account is leased to the owner any more.
with held as (
    select order_id
    from tracking.tracked_order
    where
        account = :account
        and lease_owner = :owner
    order by order_id
    for update
)

update tracking.tracked_order
set
    lease_owner = null,
    lease_until = null
from held
where tracked_order.order_id = held.order_id
