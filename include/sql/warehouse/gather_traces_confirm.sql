-- The orders were asked for their parcels just now, and know whether lines are still to be shipped.
update tracking.tracked_order
set
    parcels_asked_at = listing.asked_at,
    ask_parcels_at = listing.asked_at + interval '24 hours',
    has_unshipped_lines = coalesce(listing.has_unshipped_lines, tracked_order.has_unshipped_lines)
from
    jsonb_to_recordset(cast(:listings as jsonb))
        as listing (order_id bigint, asked_at timestamptz, has_unshipped_lines boolean)
where tracked_order.order_id = listing.order_id
