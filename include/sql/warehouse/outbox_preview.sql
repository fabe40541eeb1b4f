-- What would be sent now, with how many there are.
select
    notification.audience,
    notification.channel,
    notification.reason,
    shipment.account,
    shipment.consignment_id,
    shipment.waybill_no,
    count(*) over () as notices
from tracking.notification
inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
where
    notification.state = 'pending'
    and notification.channel <> ''
    and notification.due_at <= :now
    and notification.digest = :digest
    and shipment.account = any(:accounts)
order by notification.notification_id
limit :most
