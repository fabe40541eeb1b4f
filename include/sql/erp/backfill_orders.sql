-- Every order that was shipped in the interval, signed or not; the same columns as extract_orders.
select
    order_no as erp_key,
    platform,
    case platform
        when '1688' then 'platform_1688'
        when 'taobao' then 'platform_taobao'
        when 'tmall' then 'platform_tmall'
        else platform
    end as account,
    platform_order_id,
    null as waybill_no,
    shipped_at,
    priority,
    updated_at as erp_stamp
from erp_order
where
    status in ('SHIPPED', 'SIGNED')
    and shipped_at >= :shipped_from
    and shipped_at < :shipped_to
