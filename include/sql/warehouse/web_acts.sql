-- name: acts
-- What people did last is returned, the newest first.
select
    acted_at,
    actor,
    kind,
    order_id,
    subject,
    reason
from tracking.act
order by act_id desc
limit :most;


-- name: subject
-- What an act would be about that is not about an order, as people know it; null: there is none.
select
    case :kind
        when 'mute_incident'
            then (
                select alert.subject
                from tracking.alert
                where alert.alert_id = :subject_id
            )
        when 'acknowledge_stall'
            then (
                select coalesce(shipment.waybill_no, shipment.consignment_id) || ' ' || stall.stage
                from tracking.stall
                inner join tracking.shipment on stall.shipment_id = shipment.shipment_id
                where stall.stall_id = :subject_id
            )
        when 'requeue'
            then (
                select
                    notification.audience || '/' || notification.channel
                    || ' ' || notification.reason
                from tracking.notification
                where notification.notification_id = :subject_id
            )
    end as subject;


-- name: record
-- The act is recorded and its id returned; a stall is acknowledged once, whoever is first.
insert into tracking.act (acted_at, actor, kind, order_id, subject_id, subject, reason)
values (:now, :actor, :kind, :order_id, :subject_id, :subject, :reason)
on conflict (subject_id) where kind = 'acknowledge_stall' do nothing
returning act_id;


-- name: poll_next
-- The open order is due now, unless a run has it in work; its name is returned.
update tracking.tracked_order
set
    next_poll_at = :now,
    quiet_since = null,
    ask_parcels_at = case
        when tracked_order.parcels_asked_at is null then :now
        else tracked_order.ask_parcels_at
    end
where
    tracked_order.order_id = :subject_id
    and tracked_order.closed_at is null
    and tracking.is_free(tracked_order.lease_until)
    and tracking.is_awaited(tracked_order.order_id)
returning
    tracked_order.order_id,
    tracked_order.platform_order_id as subject;


-- name: stop_tracking
-- The open, unsigned rows of the order are closed as stopped; the next run closes the order and
-- whatever waits for it. Its name is returned.
with open_row as (
    select erp_row.erp_key
    from tracking.erp_row
    where
        erp_row.order_id = :subject_id
        and erp_row.closed_at is null
        and erp_row.signed_at is null
        and erp_row.sign_event is null
    order by erp_row.erp_key
    for update
),

stopped as (
    update tracking.erp_row
    set
        closed_at = :now,
        close_reason = 'stopped'
    from open_row
    where erp_row.erp_key = open_row.erp_key
    returning erp_row.order_id
)

select distinct
    tracked_order.order_id,
    tracked_order.platform_order_id as subject
from stopped
inner join tracking.tracked_order on stopped.order_id = tracked_order.order_id;


-- name: resume_tracking
-- The rows of the order that were stopped and that the ERP still lists are open; the next run polls
-- it. Its name is returned.
with stopped_row as (
    select erp_row.erp_key
    from tracking.erp_row
    where
        erp_row.order_id = :subject_id
        and erp_row.close_reason = 'stopped'
        and erp_row.listed
    order by erp_row.erp_key
    for update
),

resumed as (
    update tracking.erp_row
    set
        closed_at = null,
        close_reason = null
    from stopped_row
    where erp_row.erp_key = stopped_row.erp_key
    returning erp_row.order_id
)

select distinct
    tracked_order.order_id,
    tracked_order.platform_order_id as subject
from resumed
inner join tracking.tracked_order on resumed.order_id = tracked_order.order_id;


-- name: mute_incident
-- The open alert of a carrier is muted, once; its name is returned. It stays muted until it is
-- over; the carrier's next silence is another alert.
update tracking.alert
set muted_at = :now
where
    alert.alert_id = :subject_id
    and alert.kind = 'carrier_silent'
    and alert.cleared_at is null
    and alert.muted_at is null
returning
    cast(null as bigint) as order_id,
    alert.subject;


-- name: acknowledge_stall
-- The order and the name of the stall are returned, if it is open.
select
    (
        select min(order_shipment.order_id)
        from tracking.order_shipment
        where order_shipment.shipment_id = stall.shipment_id
    ) as order_id,
    coalesce(shipment.waybill_no, shipment.consignment_id) || ' ' || stall.stage as subject
from tracking.stall
inner join tracking.shipment on stall.shipment_id = shipment.shipment_id
where
    stall.stall_id = :subject_id
    and stall.cleared_at is null
for update of stall;


-- name: requeue
-- The order and the name of a notice are returned.
select
    (
        select min(order_shipment.order_id)
        from tracking.order_shipment
        where order_shipment.shipment_id = notification.shipment_id
    ) as order_id,
    notification.audience || '/' || notification.channel || ' ' || notification.reason as subject
from tracking.notification
where notification.notification_id = :subject_id;
