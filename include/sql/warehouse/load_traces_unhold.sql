-- Notices of signs that are confirmed now may be sent.
update tracking.notification
set due_at = :now
where
    shipment_id = any(:shipments)
    and state = 'pending'
    and due_at is null
