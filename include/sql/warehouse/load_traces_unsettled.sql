-- A batch of the parcels to be judged anew: a platform status came in, their order changed, or a
-- sign known by its text alone has waited long enough for the platform's word.
select shipment_id
from (
    select shipment_id
    from tracking.shipment
    where unsettled
    union
    select shipment_id
    from tracking.shipment
    where
        text_signed_at <= :now - :confirm_within
        and sign_confirmed_at is null
) as waiting
where shipment_id > :after
order by shipment_id
limit :most
