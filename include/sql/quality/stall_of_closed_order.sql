-- severity: warning
-- No stall is open although the orders of its parcel were closed more than a day ago.
select
    stall.stall_id,
    stall.shipment_id,
    stall.stage,
    max(tracked_order.closed_at) as closed_at
from tracking.stall
inner join tracking.order_shipment on stall.shipment_id = order_shipment.shipment_id
inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
where stall.cleared_at is null
group by
    stall.stall_id,
    stall.shipment_id,
    stall.stage
having
    bool_and(tracked_order.closed_at is not null)
    and max(tracked_order.closed_at) < :now - interval '1 day'
