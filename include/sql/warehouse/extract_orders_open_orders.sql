-- Orders with an open row are open; one that was closed is due at once.
update tracking.tracked_order
set
    closed_at = null,
    reopened_at = :now,
    quiet_since = null,
    ask_parcels_at = :now,
    next_poll_at = :now
where
    tracked_order.order_id = any(
        array(
            select erp_row.order_id
            from tracking.erp_row
            where erp_row.closed_at is null
            except
            select open_order.order_id
            from tracking.tracked_order as open_order
            where open_order.closed_at is null
        )
    )
