-- severity: error
-- All parcels of a signed order are signed, and no order has more signed parcels than parcels.
select
    erp_key,
    parcels,
    parcels_signed,
    signed_at
from analytics.orders
where
    parcels_signed > parcels
    or (signed_at is not null and parcels_signed < parcels)
