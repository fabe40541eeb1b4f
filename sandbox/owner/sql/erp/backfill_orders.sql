-- Every order shipped in the interval, signed or not; each shop is an account of its own.
select
    order_no as erp_key,
    platform,
    shop as account,
    platform_order_id,
    waybill_no,
    shipped_at,
    priority,
    updated_at as erp_stamp
from erp_order
where
    status in ('SHIPPED', 'SIGNED')
    and shipped_at >= :shipped_from
    and shipped_at < :shipped_to
