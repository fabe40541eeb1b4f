-- A held notice of a sign that was never confirmed is not sent once the parcel has moved on.
update tracking.notification
set
    state = 'suppressed',
    reason = 'overtaken'
where
    shipment_id = any(:shipments)
    and state = 'pending'
    and due_at is null
