-- The accounts that have something to tell, now or later.
select distinct shipment.account
from tracking.notification
inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
where
    notification.state = 'pending'
    and notification.due_at is not null
    and notification.digest = :digest
    and (cast(:only_account as text) is null or shipment.account = :only_account)
order by shipment.account
