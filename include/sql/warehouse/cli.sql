-- name: unknown_texts
-- The unknown and narrow texts of the warehouse are returned, the most frequent first.
select
    description,
    status,
    decided_by,
    seen,
    last_seen_at
from analytics.unknown_texts
order by seen desc, last_seen_at desc, description asc
limit :most;


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


-- name: carriers
-- Every carrier of a parcel is returned, the most frequent first.
select
    shipment.carrier_code,
    shipment.carrier_name,
    count(distinct shipment.shipment_id) as parcels,
    max(order_shipment.first_seen_at) as last_seen_at
from tracking.shipment
inner join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
where
    shipment.carrier_code is not null
    or shipment.carrier_name is not null
group by
    shipment.carrier_code,
    shipment.carrier_name
order by
    parcels desc,
    shipment.carrier_code asc,
    shipment.carrier_name asc;
