-- Orders without an open row are closed: nobody polls them.
update tracking.tracked_order
set closed_at = :now
where
    tracked_order.closed_at is null
    and not exists (
        select 1
        from tracking.erp_row
        where
            erp_row.order_id = tracked_order.order_id
            and erp_row.closed_at is null
    )
