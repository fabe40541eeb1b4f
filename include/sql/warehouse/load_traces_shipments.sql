-- What was known of the parcels before, when their orders were shipped and last asked for, and
-- whether one of them is open or was closed because it is signed; the parcels are locked until the
-- transaction ends.
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
    shipment.announced_status,
    shipment.trace_fetched_at,
    shipment.trace_since,
    shipment.trace_waybill_no,
    served.shipped_at,
    served.traces_seen_at,
    served.is_awaited,
    served.was_pruned,
    (
        select count(*)
        from tracking.status_change
        where status_change.shipment_id = shipment.shipment_id
    ) as changes
from tracking.shipment
left join lateral (
    select
        min(known.shipped_at) as shipped_at,
        max(known.traces_seen_at) filter (where not known.has_waiting_reply) as traces_seen_at,
        bool_or(known.closed_at is null or known.is_signed) as is_awaited,
        bool_or(known.pruned_at is not null) as was_pruned
    from (
        select
            tracked_order.traces_seen_at,
            tracked_order.closed_at,
            tracked_order.pruned_at,
            (
                select min(erp_row.shipped_at)
                from tracking.erp_row
                where erp_row.order_id = tracked_order.order_id
            ) as shipped_at,
            exists(
                select 1
                from tracking.trace_reply
                where
                    trace_reply.order_id = tracked_order.order_id
                    and trace_reply.loaded_at is null
                    and trace_reply.quarantined_at is null
            ) as has_waiting_reply,
            exists(
                select 1
                from tracking.erp_row
                where
                    erp_row.order_id = tracked_order.order_id
                    and erp_row.close_reason = 'signed'
            ) as is_signed
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        where order_shipment.shipment_id = shipment.shipment_id
    ) as known
) as served on true
where shipment.shipment_id = any(:shipments)
order by shipment.shipment_id
for update of shipment
