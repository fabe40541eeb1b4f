-- The ERP rows of orders that their platform keeps no trace of any more are closed.
update tracking.erp_row
set
    closed_at = :now,
    close_reason = 'too_old'
where
    order_id = any(:orders)
    and closed_at is null
