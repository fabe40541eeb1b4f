-- Every order of the stage waits to be polled by the backfill, unless it was polled just now.
update tracking.tracked_order
set backfill_at = :now
from incoming_row as incoming
where
    incoming.refusal is null
    and tracked_order.platform = incoming.platform
    and tracked_order.account = incoming.account
    and tracked_order.platform_order_id = incoming.platform_order_id
    and (
        tracked_order.last_polled_at is null
        or tracked_order.last_polled_at <= :now - :min_spacing
    )
