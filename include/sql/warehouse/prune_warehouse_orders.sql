-- Those of the orders whose parcels may be forgotten are ours until the transaction ends: closed,
-- not polled since the time given, and nothing of them is under way.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.order_id = any(:orders)
    and tracked_order.closed_at < :before
    and tracked_order.parcels_asked_at < :before
    and (tracked_order.last_polled_at is null or tracked_order.last_polled_at < :before)
    and tracked_order.backfill_at is null
    and (tracked_order.lease_until is null or tracked_order.lease_until < clock_timestamp())
    and not exists (
        select 1
        from tracking.erp_row
        where
            erp_row.order_id = tracked_order.order_id
            and (
                erp_row.listed
                or erp_row.closed_at is null
                or (
                    erp_row.last_error is null
                    and erp_row.sign_event is not null
                    and erp_row.sign_event is distinct from erp_row.settled_event
                )
            )
    )
    and not exists (
        select 1
        from tracking.trace_reply
        where
            trace_reply.order_id = tracked_order.order_id
            and trace_reply.loaded_at is null
            and trace_reply.quarantined_at is null
    )
    and not exists (
        select 1
        from tracking.order_shipment
        inner join tracking.notification
            on order_shipment.shipment_id = notification.shipment_id
        where
            order_shipment.order_id = tracked_order.order_id
            and notification.state = 'pending'
            and notification.due_at is not null
    )
    and not exists (
        select 1
        from tracking.order_shipment
        inner join tracking.stall on order_shipment.shipment_id = stall.shipment_id
        where
            order_shipment.order_id = tracked_order.order_id
            and stall.cleared_at is null
    )
order by tracked_order.order_id
for update of tracked_order skip locked
