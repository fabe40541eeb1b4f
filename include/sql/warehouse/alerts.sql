-- name: clear
-- Open alerts that nothing was found for are over, but for those whose notice is under way: they
-- come next time.
with over as (
    select alert.alert_id
    from tracking.alert
    where
        alert.cleared_at is null
        and (cast(:only_account as text) is null or alert.account = :only_account)
        and not exists (
            select 1
            from
                jsonb_to_recordset(cast(:found as jsonb))
                    as found (kind text, subject text)
            where
                found.kind = alert.kind
                and found.subject = alert.subject
        )
        and not exists (
            select 1
            from tracking.notification
            where
                notification.event_id = alert.event_id
                and notification.lease_until >= clock_timestamp()
        )
    order by alert.alert_id
    for update of alert skip locked
)

update tracking.alert
set cleared_at = :now
from over
where alert.alert_id = over.alert_id
returning
    alert.kind,
    alert.subject;


-- name: open
-- Each trouble has an open alert; one that was open knows what is seen of it now.
insert into tracking.alert as known (
    kind, account, subject, severity, opened_at, detail, event_id, cleared_event_id
)
select
    found.kind,
    found.account,
    found.subject,
    found.severity,
    :now as opened_at,
    found.detail,
    found.event_id,
    found.cleared_event_id
from
    jsonb_to_recordset(cast(:found as jsonb))
        as found (
            kind text,
            account text,
            subject text,
            severity text,
            detail text,
            event_id uuid,
            cleared_event_id uuid
        )
order by
    found.kind,
    found.subject
on conflict (kind, subject) where cleared_at is null do update
    set
        severity = excluded.severity,
        detail = excluded.detail
returning
    known.kind,
    known.subject,
    known.severity,
    known.detail,
    known.event_id;


-- name: address
-- Each open alert that nobody was told of has a notice for each channel of ops. Of one that is
-- over, the channels that took it have another notice that says so; others are not told of it. Of a
-- muted one nothing more is sent. Nothing here waits for a notice that is being acknowledged, since
-- that waits for its alert.
with useless as (
    select
        notification.notification_id,
        case
            when alert.muted_at is not null then 'muted'
            when alert.cleared_at is not null then 'cleared'
            else 'no channel'
        end as reason
    from tracking.notification
    left join tracking.alert on notification.event_id = alert.event_id
    where
        notification.state = 'pending'
        and notification.audience = 'ops'
        and notification.reason in ('alert', 'alert_cleared')
        and tracking.is_free(notification.lease_until)
        and (
            alert.cleared_at is not null
            or alert.muted_at is not null
            or (
                notification.channel <> all(cast(:channels as text[]))
                and not cast(:is_broken as boolean)
            )
        )
    order by notification.notification_id
    for update of notification skip locked
),

suppressed as (
    update tracking.notification
    set
        state = 'suppressed',
        reason = useless.reason
    from useless
    where notification.notification_id = useless.notification_id
)

insert into tracking.notification (
    event_id, audience, channel, reason, state, digest, created_at, due_at
)
select
    alert.event_id,
    'ops' as audience,
    channel.name,
    'alert' as reason,
    'pending' as state,
    true as digest,
    :now as created_at,
    :now as due_at
from tracking.alert
cross join unnest(cast(:channels as text[])) as channel (name)
where
    alert.cleared_at is null
    and alert.told_at is null
    and alert.muted_at is null
    and not exists (
        select 1
        from tracking.notification
        where
            notification.event_id = alert.event_id
            and notification.audience = 'ops'
            and notification.channel = channel.name
    )
union all
select
    alert.cleared_event_id,
    notification.audience,
    notification.channel,
    'alert_cleared' as reason,
    'pending' as state,
    true as digest,
    :now as created_at,
    :now as due_at
from tracking.alert
inner join tracking.notification on alert.event_id = notification.event_id
where
    alert.cleared_at > :now - cast(:news as interval)
    and alert.muted_at is null
    and notification.state = 'sent'
    and notification.channel = any(cast(:channels as text[]))
    and not exists (
        select 1
        from tracking.notification as known
        where
            known.event_id = alert.cleared_event_id
            and known.audience = notification.audience
            and known.channel = notification.channel
    )
order by
    event_id,
    name
on conflict (event_id, audience, channel) do nothing;


-- name: due
-- The next due notices of alerts to one channel that nobody holds, locked.
select
    notification_id,
    event_id,
    reason
from tracking.notification
where
    reason in ('alert', 'alert_cleared')
    and audience = :audience
    and channel = :channel
    and state = 'pending'
    and due_at <= :now
    and reason <> all(cast(:held_back as text[]))
    and tracking.is_free(lease_until)
order by
    due_at,
    notification_id
limit :most
for update skip locked;


-- name: contents
-- All that a message may say of the notices' alerts.
select
    notification.notification_id,
    notification.created_at,
    alert.kind,
    coalesce(alert.account, '') as account,
    alert.subject,
    alert.severity,
    alert.opened_at,
    coalesce(alert.cleared_at, :now) as lasted_until,
    alert.detail
from tracking.notification
inner join tracking.alert
    on notification.event_id in (alert.event_id, alert.cleared_event_id)
where notification.notification_id = any(:notices);


-- name: waiting
-- How many notices of alerts wait for one channel, and why its newest try failed, if it did.
select
    count(*) as notices,
    (array_agg(last_error order by due_at desc) filter (where attempts > 0))[1] as last_error
from tracking.notification
where
    reason in ('alert', 'alert_cleared')
    and audience = :audience
    and channel = :channel
    and state = 'pending';


-- name: untold
-- Open alerts that nobody was told of and that are not muted, the oldest first.
select
    kind,
    subject,
    severity,
    detail
from tracking.alert
where
    cleared_at is null
    and told_at is null
    and muted_at is null
order by alert_id;
