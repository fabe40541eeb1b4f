-- severity: warning
-- Every open order is due for its parcels or its traces at some time.
select
    tracked_order.account,
    tracked_order.platform_order_id,
    tracked_order.last_polled_at
from tracking.tracked_order
where
    tracked_order.closed_at is null
    and tracked_order.next_poll_at is null
    and tracked_order.ask_parcels_at is null
    and tracked_order.lease_until is null
    and tracking.is_awaited(tracked_order.order_id)
