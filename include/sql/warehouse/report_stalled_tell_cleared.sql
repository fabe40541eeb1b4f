-- Who got the alarm is told that it is over; alarms that still waited are not sent.
with cleared as (
    select
        told.stall_id,
        told.event_id,
        told.cleared_event_id
    from
        jsonb_to_recordset(cast(:cleared as jsonb))
            as told (stall_id bigint, event_id uuid, cleared_event_id uuid)
),

named as (
    update tracking.stall
    set cleared_event_id = cleared.cleared_event_id
    from cleared
    where stall.stall_id = cleared.stall_id
),

waiting as (
    select notification.notification_id
    from tracking.notification
    inner join cleared on notification.event_id = cleared.event_id
    where notification.state = 'pending'
    order by notification.notification_id
    for update of notification skip locked
),

quieted as (
    update tracking.notification
    set
        state = 'suppressed',
        reason = 'cleared'
    from waiting
    where notification.notification_id = waiting.notification_id
)

insert into tracking.notification (
    event_id, shipment_id, audience, channel, reason, state, digest, created_at, due_at
)
select
    cleared.cleared_event_id,
    notification.shipment_id,
    notification.audience,
    notification.channel,
    'cleared',
    'pending',
    true,
    :now as created_at,
    :now as due_at
from cleared
inner join tracking.notification on cleared.event_id = notification.event_id
where notification.state = 'sent'
order by
    cleared.cleared_event_id,
    notification.audience,
    notification.channel
on conflict (event_id, audience, channel) do nothing
