-- The next orders that were closed before the time given and still have their parcels.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.closed_at < :before
    and tracked_order.parcels_asked_at < :before
    and tracked_order.order_id > coalesce(cast(:after as bigint), 0)
order by tracked_order.order_id
limit :most
