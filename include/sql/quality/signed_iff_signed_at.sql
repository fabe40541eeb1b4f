-- severity: error
-- An order has the status signed if and only if it has the time of its signature.
select
    erp_key,
    status,
    signed_at
from analytics.orders
where (status = 'signed') <> (signed_at is not null)
