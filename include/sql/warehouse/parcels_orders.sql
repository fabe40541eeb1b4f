-- The orders, and when they were shipped; where the ERP does not tell, when they were seen first.
select
    tracked_order.order_id,
    tracked_order.platform_order_id,
    coalesce(
        (
            select min(erp_row.shipped_at)
            from tracking.erp_row
            where erp_row.order_id = tracked_order.order_id
        ),
        tracked_order.first_seen_at
    ) as shipped_at
from tracking.tracked_order
where tracked_order.order_id = any(:orders)
