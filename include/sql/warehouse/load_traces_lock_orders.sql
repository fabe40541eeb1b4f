-- The orders, and those that share a parcel with them, are ours until the transaction ends.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.order_id in (
        select unnest(cast(:orders as bigint[]))
        union
        select sharing.order_id
        from tracking.order_shipment as own
        inner join tracking.order_shipment as sharing on own.shipment_id = sharing.shipment_id
        where own.order_id = any(:orders)
    )
order by tracked_order.order_id
for update
