-- What was known of the parcels before, when their orders were last asked for, and whether one of
-- them is open or was closed because it is signed; the parcels are ours until the transaction ends.
-- Traces that are still to be loaded were not seen yet.
select
    shipment.shipment_id,
    shipment.account,
    shipment.consignment_id,
    shipment.platform_code,
    shipment.platform_status,
    shipment.platform_status_since,
    shipment.platform_status_at,
    shipment.platform_announce,
    shipment.status,
    shipment.signed_at,
    shipment.sign_seen_at,
    shipment.sign_confirmed_at,
    shipment.event_count,
    seen.traces_seen_at,
    seen.polled_at,
    (
        select count(*)
        from tracking.status_change
        where status_change.shipment_id = shipment.shipment_id
    ) as changes,
    exists(
        select 1
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        left join tracking.erp_row on tracked_order.order_id = erp_row.order_id
        where
            order_shipment.shipment_id = shipment.shipment_id
            and (tracked_order.closed_at is null or erp_row.close_reason = 'signed')
    ) as is_awaited,
    exists(
        select 1
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        where
            order_shipment.shipment_id = shipment.shipment_id
            and tracked_order.pruned_at is not null
    ) as was_pruned
from tracking.shipment
left join lateral (
    select
        max(tracked_order.traces_seen_at) as traces_seen_at,
        max(tracked_order.last_polled_at) as polled_at
    from tracking.order_shipment
    inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
    where
        order_shipment.shipment_id = shipment.shipment_id
        and not exists (
            select 1
            from tracking.trace_reply
            where
                trace_reply.order_id = tracked_order.order_id
                and trace_reply.loaded_at is null
                and trace_reply.quarantined_at is null
        )
) as seen on true
where shipment.shipment_id = any(:shipments)
order by shipment.shipment_id
for update of shipment
