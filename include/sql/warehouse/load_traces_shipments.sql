-- What was known of the parcels before; they are ours until the transaction ends.
select
    shipment_id,
    account,
    consignment_id,
    platform_code,
    platform_status,
    platform_status_since,
    platform_status_at,
    platform_announce,
    status,
    signed_at,
    text_signed_at,
    sign_confirmed_at,
    event_count
from tracking.shipment
where shipment_id = any(:shipments)
order by shipment_id
for update
