-- Every due notice that was addressed to nobody yet has a row for each channel that wants it, in
-- the order of the notices. It stays as long as the channels of one of its audiences cannot be
-- known; one that nobody wants is suppressed. Parcels that are being loaded come next time.
with at_rest as (
    select
        shipment.shipment_id,
        shipment.account
    from tracking.shipment
    where
        shipment.account = any(:accounts)
        and exists (
            select 1
            from tracking.notification
            where
                notification.shipment_id = shipment.shipment_id
                and notification.state = 'pending'
                and notification.channel = ''
        )
    order by shipment.shipment_id
    for key share skip locked
),

unaddressed as (
    select
        notification.notification_id,
        notification.event_id,
        notification.shipment_id,
        notification.reason,
        notification.from_status,
        notification.digest,
        notification.created_at,
        notification.due_at,
        at_rest.account
    from tracking.notification
    inner join at_rest on notification.shipment_id = at_rest.shipment_id
    where
        notification.state = 'pending'
        and notification.channel = ''
        and notification.due_at <= :now
        and notification.digest = :digest
    order by notification.notification_id
    for update of notification skip locked
),

wanted as (
    select
        unaddressed.notification_id,
        unaddressed.event_id,
        unaddressed.shipment_id,
        unaddressed.reason,
        unaddressed.from_status,
        unaddressed.digest,
        unaddressed.created_at,
        unaddressed.due_at,
        destination.audience,
        destination.channel
    from unaddressed
    inner join
        jsonb_to_recordset(cast(:destinations as jsonb))
            as destination (audience text, channel text, account text, statuses text[])
        on
            (destination.account is null or unaddressed.account = destination.account)
            and (
                destination.statuses is null
                or split_part(unaddressed.reason, ':', 1) = any(destination.statuses)
            )
),

unsure as (
    select unaddressed.notification_id
    from unaddressed
    where
        exists (
            select 1
            from
                jsonb_to_recordset(cast(:broken as jsonb)) as broken (account text, audience text)
            where broken.account is null or broken.account = unaddressed.account
        )
),

added as (
    insert into tracking.notification (
        event_id,
        shipment_id,
        audience,
        channel,
        reason,
        from_status,
        state,
        digest,
        created_at,
        due_at
    )
    select
        wanted.event_id,
        wanted.shipment_id,
        wanted.audience,
        wanted.channel,
        wanted.reason,
        wanted.from_status,
        'pending',
        wanted.digest,
        wanted.created_at,
        wanted.due_at
    from wanted
    order by
        wanted.notification_id,
        wanted.audience,
        wanted.channel
    on conflict (event_id, audience, channel) do nothing
),

done as (
    delete from tracking.notification
    using wanted
    where
        notification.notification_id = wanted.notification_id
        and wanted.notification_id not in (select unsure.notification_id from unsure)
)

update tracking.notification
set
    state = 'suppressed',
    reason = 'no channel'
from unaddressed
where
    notification.notification_id = unaddressed.notification_id
    and unaddressed.notification_id not in (select wanted.notification_id from wanted)
    and unaddressed.notification_id not in (select unsure.notification_id from unsure)
returning notification.notification_id
