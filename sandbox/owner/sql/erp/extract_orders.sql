-- Every order that is shipped and not signed, once. Each shop is an account of its own; zeros are
-- no time.
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
    status = 'SHIPPED'
    and (signed_at is null or cast(signed_at as char(19)) = '0000-00-00 00:00:00')
