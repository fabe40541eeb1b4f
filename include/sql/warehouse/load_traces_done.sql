-- The replies are loaded, and their orders have no unreadable reply any more.
with done as (
    update tracking.trace_reply
    set
        loaded_at = :now,
        last_error = null
    where reply_id = any(:replies)
    returning order_id
)

update tracking.tracked_order
set load_error = null
from done
where
    tracked_order.order_id = done.order_id
    and tracked_order.load_error is not null
