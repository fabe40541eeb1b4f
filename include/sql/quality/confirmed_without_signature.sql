-- severity: error
-- Only a signed parcel has a confirmed signature, and that one has a time.
select
    shipment_id,
    status,
    signed_at,
    sign_confirmed_at
from tracking.shipment
where
    sign_confirmed_at is not null
    and (status <> 'signed' or signed_at is null)
