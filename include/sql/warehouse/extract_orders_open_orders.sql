-- Orders with an open row are open; one that was closed is due at once.
update tracking.tracked_order
set
    closed_at = null,
    reopened_at = :now,
    quiet_since = null,
    ask_parcels_at = :now,
    next_poll_at = :now
where
    tracked_order.closed_at is not null
    and exists (
        select 1
        from tracking.erp_row
        where
            erp_row.order_id = tracked_order.order_id
            and erp_row.closed_at is null
    )
