-- name: accounts
-- The accounts that have something to tell, now or later.
select distinct shipment.account
from tracking.notification
inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
where
    notification.state = 'pending'
    and notification.due_at is not null
    and notification.digest = :digest
    and (cast(:only_account as text) is null or shipment.account = :only_account)
order by shipment.account;


-- name: lock
-- Nobody else addresses or claims notices until this transaction ends, so that each parcel's
-- notices keep their order.
select pg_advisory_xact_lock(hashtext('shipment_tracking.outbox'));


-- name: told_lately
-- Which of the audiences were sent a notice lately, or are still owed one.
select missing.audience
from unnest(cast(:audiences as text[])) as missing (audience)
where
    exists (
        select 1
        from tracking.notification
        where
            notification.audience = missing.audience
            and notification.state = 'sent'
            and notification.sent_at >= :since
    )
    or exists (
        select 1
        from tracking.notification
        where
            notification.audience = missing.audience
            and notification.state = 'pending'
            and notification.channel <> ''
    )
order by missing.audience;


-- name: address
-- Every due notice that was addressed to nobody yet has a row for each channel that wants it, in
-- the order of the notices. Delays go to ops, and to others only if they ask. It stays as long as
-- the channels of one of its audiences cannot be known; one that nobody wants is suppressed.
-- Parcels that are being loaded come next time.
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
                split_part(unaddressed.reason, ':', 1) = any(destination.statuses)
                or (
                    destination.statuses is null
                    and (unaddressed.reason <> 'delayed' or destination.audience = 'ops')
                )
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
returning notification.notification_id;


-- name: coalesce
-- Of each parcel's notices to one channel only the newest waits.
with overtaken as (
    select older.notification_id
    from tracking.notification as older
    where
        older.state = 'pending'
        and older.channel <> ''
        and not older.digest
        and exists (
            select 1
            from tracking.notification as newer
            where
                newer.shipment_id = older.shipment_id
                and newer.audience = older.audience
                and newer.channel = older.channel
                and not newer.digest
                and newer.notification_id > older.notification_id
        )
    order by older.notification_id
    for update of older skip locked
)

update tracking.notification
set
    state = 'suppressed',
    reason = 'superseded'
from overtaken
where notification.notification_id = overtaken.notification_id
returning notification.notification_id;


-- name: suppress_unwanted
-- No notice waits for a channel that is gone, unless it may only be out of sight.
with forgotten as (
    select notification.notification_id
    from tracking.notification
    inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
    where
        notification.state = 'pending'
        and notification.channel <> ''
        and notification.digest = :digest
        and shipment.account = any(:accounts)
        and not exists (
            select 1
            from
                jsonb_to_recordset(cast(:destinations as jsonb))
                    as destination (audience text, channel text)
            where
                destination.audience = notification.audience
                and destination.channel = notification.channel
        )
        and not exists (
            select 1
            from jsonb_to_recordset(cast(:broken as jsonb)) as broken (audience text)
            where broken.audience = notification.audience
        )
    order by notification.notification_id
    for update of notification skip locked
)

update tracking.notification
set
    state = 'suppressed',
    reason = 'no channel'
from forgotten
where notification.notification_id = forgotten.notification_id
returning notification.notification_id;


-- name: suppress_beyond_limit
-- Of a parcel that a channel was told of as often as it may, only the signature is pending.
with beyond as (
    select notification.notification_id
    from tracking.notification
    inner join
        jsonb_to_recordset(cast(:destinations as jsonb))
            as destination (audience text, channel text, most_per_parcel integer)
        on
            notification.audience = destination.audience
            and notification.channel = destination.channel
    where
        notification.state = 'pending'
        and notification.digest = :digest
        and notification.reason <> 'signed'
        and destination.most_per_parcel is not null
        and tracking.is_free(notification.lease_until)
        and destination.most_per_parcel <= (
            select count(*)
            from tracking.notification as other
            where
                other.shipment_id = notification.shipment_id
                and other.audience = notification.audience
                and other.channel = notification.channel
                and (other.state = 'sent' or other.lease_until >= clock_timestamp())
        )
    order by notification.notification_id
    for update of notification skip locked
)

update tracking.notification
set
    state = 'suppressed',
    reason = 'limit'
from beyond
where notification.notification_id = beyond.notification_id
returning notification.notification_id;


-- name: preview
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
limit :most;


-- name: shadow
-- What is due and under no lease is not sent, then or later: sending was not allowed when it was
-- due.
with due as (
    select notification.notification_id
    from tracking.notification
    inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
    where
        notification.state = 'pending'
        and notification.digest = :digest
        and notification.due_at <= :now
        and shipment.account = any(:accounts)
        and tracking.is_free(notification.lease_until)
    order by notification.notification_id
    for update of notification skip locked
)

update tracking.notification
set
    state = 'suppressed',
    reason = 'shadow'
from due
where notification.notification_id = due.notification_id
returning notification.notification_id;


-- name: due
-- The next due notices of one channel that nobody holds, locked. Of a parcel only the newest is
-- taken, and none while another one is under way. Those held back are pending.
select
    notification.notification_id,
    notification.event_id,
    notification.reason,
    notification.message_id
from tracking.notification
inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
where
    notification.audience = :audience
    and notification.channel = :channel
    and notification.state = 'pending'
    and notification.digest = :digest
    and notification.due_at <= :now
    and shipment.account = any(:accounts)
    and split_part(notification.reason, ':', 1) <> all(cast(:held_back as text[]))
    and tracking.is_free(notification.lease_until)
    and (
        notification.digest
        or not exists (
            select 1
            from tracking.notification as other
            where
                other.shipment_id = notification.shipment_id
                and other.audience = notification.audience
                and other.channel = notification.channel
                and not other.digest
                and other.notification_id <> notification.notification_id
                and (
                    other.notification_id > notification.notification_id
                    or other.lease_until >= clock_timestamp()
                )
        )
    )
order by
    notification.due_at,
    notification.notification_id
limit :most
for update of notification skip locked;


-- name: keep_together
-- Each notice has the digest that it is about to be sent in. The fencing check locked them.
update tracking.notification
set message_id = kept.message_id
from
    unnest(cast(:notices as bigint[]), cast(:messages as uuid[]))
        as kept (notification_id, message_id)
where notification.notification_id = kept.notification_id;


-- name: part
-- The notices are in no digest. The fencing check locked them.
update tracking.notification
set message_id = null
where
    notification_id = any(cast(:notices as bigint[]))
    and message_id is not null;


-- name: contents
-- All that a message may say of the notices: their parcels, changes and stalls, and the orders
-- that wait for the parcel, or did when none does any more.
select
    notification.notification_id,
    notification.event_id,
    notification.created_at,
    shipment.account,
    shipment.consignment_id,
    shipment.waybill_no,
    shipment.carrier_name,
    shipment.status,
    shipment.sign_kind,
    shipment.last_event as latest_trace,
    coalesce(notification.from_status, status_change.from_status) as from_status,
    coalesce(status_change.to_status, shipment.announced_status) as to_status,
    case
        when status_change.to_status = 'signed'
            then coalesce(shipment.signed_at, status_change.occurred_at)
        else coalesce(status_change.occurred_at, shipment_eta.expected_by)
    end as occurred_at,
    coalesce(status_change.detected_at, shipment_eta.delayed_at) as detected_at,
    case
        when
            shipment_eta.status = shipment.status
            and shipment_eta.status <> 'ready_for_pickup'
            and shipment_eta.eta_p90 > :now
            then shipment_eta.eta_p90
    end as eta,
    stall.stage,
    stall.since,
    stall.threshold_hours,
    coalesce(stall.cleared_at, :now) as stalled_until,
    served.platform,
    coalesce(served.waiting, served.orders, '[]') as orders,
    served.waiting is not null as is_awaited
from tracking.notification
inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
left join tracking.status_change on notification.event_id = status_change.event_id
left join tracking.shipment_eta on shipment.shipment_id = shipment_eta.shipment_id
left join tracking.stall
    on notification.event_id in (stall.event_id, stall.cleared_event_id)
left join lateral (
    select
        min(known.platform) as platform,
        jsonb_agg(known.named order by known.erp_key) as orders,
        jsonb_agg(known.named order by known.erp_key) filter (where known.waits) as waiting
    from (
        select
            tracked_order.platform,
            erp_row.erp_key,
            jsonb_build_object(
                'erp_key', erp_row.erp_key,
                'platform_order_id', tracked_order.platform_order_id
            ) as named,
            order_shipment.superseded_at is null
            and (erp_row.closed_at is null or erp_row.close_reason = 'signed') as waits
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        inner join tracking.erp_row on tracked_order.order_id = erp_row.order_id
        where
            order_shipment.shipment_id = shipment.shipment_id
            and (
                erp_row.waybill_no is null
                or exists (
                    select 1
                    from tracking.waybills_named(shipment.shipment_id, erp_row.waybill_no)
                )
            )
    ) as known
) as served on true
where notification.notification_id = any(:notices);


-- name: acknowledge
-- The notices are known as sent, even those that were superseded on their way, the stalls they tell
-- of as alerted, and ops as told of their alerts. Several channels are told of the same stalls at
-- once, so these are locked in one order.
with sent as (
    update tracking.notification
    set
        state = 'sent',
        reason = told.reason,
        attempts = notification.attempts + 1,
        sent_at = :now,
        last_error = null
    from
        unnest(cast(:notices as bigint[]), cast(:reasons as text[]))
            as told (notification_id, reason)
    where notification.notification_id = told.notification_id
    returning notification.event_id
),

stalls as (
    select stall.stall_id
    from tracking.stall
    where
        stall.event_id in (select sent.event_id from sent)
        and stall.alerted_at is null
    order by stall.shipment_id, stall.stall_id
    for update
),

alerted as (
    update tracking.stall
    set alerted_at = :now
    from stalls
    where stall.stall_id = stalls.stall_id
),

alerts as (
    select alert.alert_id
    from tracking.alert
    where
        alert.event_id in (select sent.event_id from sent)
        and alert.told_at is null
    order by alert.kind, alert.subject
    for update
)

update tracking.alert
set told_at = :now
from alerts
where alert.alert_id = alerts.alert_id;


-- name: fail
-- The notices wait twice as long after each failure, or as long as the receiver asked for; after
-- the last try, or a permanent failure, they are dead. Those that are parted leave their digest.
update tracking.notification
set
    state = case
        when
            notification.state = 'pending'
            and (cast(:permanent as boolean) or notification.attempts + 1 >= :tries)
            then 'dead'
        else notification.state
    end,
    attempts = notification.attempts + 1,
    last_error = :error,
    message_id = case
        when notification.notification_id <> all(cast(:parted as bigint[]))
            then notification.message_id
    end,
    due_at = cast(:now as timestamptz)
    + greatest(
        cast(:first_pause as interval) * power(2, notification.attempts),
        cast(:retry_after as interval)
    )
where notification.notification_id = any(:notices)
returning notification.state;


-- name: suppress
-- The notices are not sent, for a reason; and what somebody has to fix for it is kept.
update tracking.notification
set
    state = 'suppressed',
    reason = :reason,
    last_error = coalesce(:error, notification.last_error)
where
    notification.notification_id = any(:notices)
    and notification.state = 'pending'
returning notification.notification_id;


-- name: reset_backoff
-- What the channel refused since it last took a message, before now, is due now that it takes them
-- again. What it refused beside messages that it took, or asked to wait for, keeps its pause.
with waiting as (
    select
        notification_id,
        due_at - cast(:first_pause as interval) * power(2, attempts - 1) as failed_at
    from tracking.notification
    where
        audience = :audience
        and channel = :channel
        and state = 'pending'
        and digest = :digest
        and attempts > 0
        and due_at > :now
),

taken as (
    select coalesce(max(sent_at), '-infinity') as last_at
    from tracking.notification
    where
        audience = :audience
        and channel = :channel
        and state = 'sent'
        and digest = :digest
        and sent_at < :now
),

due as (
    select notification.notification_id
    from tracking.notification
    inner join waiting on notification.notification_id = waiting.notification_id
    cross join taken
    where
        waiting.failed_at > taken.last_at
        and waiting.failed_at < :now
    order by notification.notification_id
    for update of notification skip locked
)

update tracking.notification
set due_at = :now
from due
where notification.notification_id = due.notification_id;


-- name: waiting
-- How many notices of parcels wait for one channel, and why its newest try failed, if it did.
with waiting as (
    select
        last_error,
        case
            when attempts > 0
                then
                    due_at
                    - cast(:first_pause as interval) * power(2, attempts - 1)
        end as failed_at
    from tracking.notification
    where
        audience = :audience
        and channel = :channel
        and state = 'pending'
        and digest = :digest
        and shipment_id is not null
),

sent as (
    select coalesce(max(sent_at), '-infinity') as last_at
    from tracking.notification
    where
        audience = :audience
        and channel = :channel
        and state = 'sent'
)

select
    count(*) as notices,
    max(waiting.last_error) filter (where waiting.failed_at > sent.last_at) as last_error
from waiting
cross join sent;


-- name: requeue
-- Dead notices are pending again, as if they had never been tried; but for those whose parcel had a
-- newer notice sent to the channel since, or has one that waits, and for alarms and alerts that are
-- over. A channel of an audience is named by both or by the channel alone.
with dead as (
    select notification.notification_id
    from tracking.notification
    where
        notification.state = 'dead'
        and tracking.is_free(notification.lease_until)
        and (
            cast(:channel as text) is null
            or :channel in (
                notification.channel, notification.audience || '/' || notification.channel
            )
        )
        and (cast(:since as timestamptz) is null or notification.created_at >= :since)
        and (cast(:notice as bigint) is null or notification.notification_id = :notice)
        and not exists (
            select 1
            from tracking.notification as newer
            where
                newer.shipment_id = notification.shipment_id
                and newer.audience = notification.audience
                and newer.channel = notification.channel
                and newer.digest = notification.digest
                and newer.state in ('sent', 'pending', 'dead')
                and newer.notification_id > notification.notification_id
        )
        and not exists (
            select 1
            from tracking.alert
            where
                alert.event_id = notification.event_id
                and alert.cleared_at is not null
        )
        and not exists (
            select 1
            from tracking.stall
            where
                stall.event_id = notification.event_id
                and stall.cleared_at is not null
        )
    order by notification.notification_id
    for update of notification skip locked
)

update tracking.notification
set
    state = 'pending',
    attempts = 0,
    message_id = null,
    due_at = :now,
    last_error = null
from dead
where notification.notification_id = dead.notification_id
returning notification.notification_id;
