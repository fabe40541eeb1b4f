-- severity: error
-- A notice that was sent says when.
select
    notification_id,
    audience,
    channel
from tracking.notification
where
    state = 'sent'
    and sent_at is null
