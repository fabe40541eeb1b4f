-- A batch of the parcels to be judged anew: a platform status came in, their order changed, or
-- their sign waits to be confirmed.
select shipment_id
from (
    select shipment_id
    from tracking.shipment
    where unsettled
    union
    select shipment_id
    from tracking.shipment
    where
        sign_seen_at is not null
        and sign_confirmed_at is null
) as waiting
where shipment_id > :after
order by shipment_id
limit :most
