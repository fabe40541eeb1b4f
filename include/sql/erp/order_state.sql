-- One order as it is now: to tell what became of a write, and why a row was not written.
select
    status,
    signed_at,
    updated_at as erp_stamp
from erp_order
where order_no = :erp_key
