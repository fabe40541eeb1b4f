-- Who waits for an order's parcel. Asked right before a customer is told; the answer is sent and
-- neither stored nor logged. One row, opted_out is 0 or 1. Nobody is told who opted out; a customer
-- without a phone, or with another value that cannot be used, is named and not told.
select
    buyer_phone as phone,
    buyer_name as name,
    'zh' as language,
    buyer_opted_out as opted_out
from erp_order
where order_no = :erp_key
