-- Parcels that stand still for too long without an open stall for it. Of one that stands again
-- where it stood before: whether its alarm holds, as everybody got it or will, and nobody heard of
-- its end.
select
    standing.shipment_id,
    standing.stage,
    standing.since,
    standing.threshold_hours,
    shipment.account,
    shipment.consignment_id,
    stall.event_id,
    exists (
        select 1
        from tracking.notification as alarm
        where
            alarm.event_id = stall.event_id
            and alarm.state in ('pending', 'sent')
    )
    and not exists (
        select 1
        from tracking.notification as alarm
        where
            alarm.event_id = stall.event_id
            and alarm.state in ('dead', 'suppressed')
            and alarm.reason <> 'no channel'
    )
    and not exists (
        select 1
        from tracking.notification as ending
        where
            ending.event_id = stall.cleared_event_id
            and (ending.state = 'sent' or ending.lease_until >= clock_timestamp())
    ) as holds
from standing
inner join tracking.shipment on standing.shipment_id = shipment.shipment_id
left join tracking.stall
    on
        standing.shipment_id = stall.shipment_id
        and standing.stage = stall.stage
        and standing.since = stall.since
where
    standing.since <= :now - standing.threshold_hours * interval '1 hour'
    and (stall.stall_id is null or stall.cleared_at is not null)
order by standing.shipment_id
for key share of shipment skip locked
