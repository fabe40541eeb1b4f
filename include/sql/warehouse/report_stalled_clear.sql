-- Stalls whose parcel stands there no more are over, but for those whose alarm is under way: they
-- come next time, as do parcels that are being loaded.
with at_rest as (
    select shipment.shipment_id
    from tracking.shipment
    where
        shipment.shipment_id in (
            select stall.shipment_id
            from tracking.stall
            where stall.cleared_at is null
        )
        and (cast(:only_account as text) is null or shipment.account = :only_account)
    order by shipment.shipment_id
    for key share skip locked
),

moved as (
    select stall.stall_id
    from tracking.stall
    inner join at_rest on stall.shipment_id = at_rest.shipment_id
    where
        stall.cleared_at is null
        and not exists (
            select 1
            from standing
            where
                standing.shipment_id = stall.shipment_id
                and standing.stage = stall.stage
                and standing.since = stall.since
        )
        and not exists (
            select 1
            from tracking.notification
            where
                notification.event_id = stall.event_id
                and notification.lease_until >= clock_timestamp()
        )
    order by stall.stall_id
    for update of stall skip locked
)

update tracking.stall
set cleared_at = :now
from moved
where stall.stall_id = moved.stall_id
returning
    stall.stall_id,
    stall.event_id
