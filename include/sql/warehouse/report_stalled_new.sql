-- Parcels that stand still for too long, and were not reported yet for this.
select
    standing.shipment_id,
    standing.stage,
    standing.since,
    standing.threshold_hours,
    shipment.account,
    shipment.consignment_id
from standing
inner join tracking.shipment on standing.shipment_id = shipment.shipment_id
where
    standing.since <= :now - standing.threshold_hours * interval '1 hour'
    and not exists (
        select 1
        from tracking.stall
        where
            stall.shipment_id = standing.shipment_id
            and stall.stage = standing.stage
            and stall.since = standing.since
    )
order by standing.shipment_id
for key share of shipment skip locked
