-- Who waits for an order's parcel. Asked right before a customer is told; the answer is sent and
-- neither stored nor logged. No row, no phone or opted_out (0 or 1): nobody is told.
select
    buyer_phone as phone,
    buyer_name as name,
    'zh' as language,
    buyer_opted_out as opted_out
from erp_order
where order_no = :erp_key
