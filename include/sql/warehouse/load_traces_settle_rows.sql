-- Every ERP row of the orders says how far its parcels are: all live parcels of the order, or the
-- one that carries its waybill number; a row without any is pending. A row is signed when each of
-- them is signed and confirmed, and for a whole order no line is left unshipped; the last sign is
-- its own. A row whose trace is another than the ERP was shown says so. A sign that was settled
-- before the parcels were pruned stays the same sign.
with live as (
    select
        erp_row.erp_key,
        shipment.shipment_id,
        shipment.status,
        shipment.sign_kind,
        shipment.signed_at,
        shipment.last_event,
        shipment.last_event_at,
        shipment.waybill_no,
        shipment.status = 'signed' and shipment.sign_confirmed_at is not null as signed
    from tracking.erp_row
    inner join tracking.order_shipment
        on
            erp_row.order_id = order_shipment.order_id
            and order_shipment.superseded_at is null
    inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
    where
        erp_row.order_id = any(:orders)
        and (
            erp_row.waybill_no is null
            or exists (
                select 1
                from tracking.shipment_waybill
                where
                    shipment_waybill.shipment_id = shipment.shipment_id
                    and shipment_waybill.waybill_no = erp_row.waybill_no
            )
        )
),

summary as (
    select
        erp_row.erp_key,
        count(*) filter (where live.status <> 'cancelled') as parcels,
        count(*) filter (where live.signed) as parcels_signed,
        (
            array_agg(live.shipment_id order by live.signed_at desc, live.shipment_id desc)
            filter (where live.signed)
        )[1] as signed_last,
        coalesce(
            (
                array_agg(
                    live.status
                    order by array_position(cast(:least_advanced as text[]), live.status)
                )
            )[1],
            'pending'
        ) as status,
        (
            array_agg(
                live.shipment_id
                order by live.last_event_at desc nulls last, live.shipment_id desc
            )
        )[1] as moved_last,
        string_agg(live.waybill_no, ',' order by live.shipment_id) as waybill_nos
    from tracking.erp_row
    left join live on erp_row.erp_key = live.erp_key
    where erp_row.order_id = any(:orders)
    group by erp_row.erp_key
),

judged as (
    select
        summary.*,
        erp_row.signed_at as signed_before,
        erp_row.sign_kind as kind_before,
        coalesce(
            erp_row.sign_event,
            case when tracked_order.pruned_at is not null then erp_row.settled_event end
        ) as event_before,
        summary.parcels_signed > 0
        and summary.parcels_signed = summary.parcels
        and (erp_row.waybill_no is not null or not tracked_order.has_unshipped_lines) as is_signed
    from summary
    inner join tracking.erp_row on summary.erp_key = erp_row.erp_key
    inner join tracking.tracked_order on erp_row.order_id = tracked_order.order_id
),

found as (
    select
        judged.erp_key,
        judged.signed_before,
        judged.status,
        judged.parcels,
        judged.parcels_signed,
        judged.waybill_nos,
        moved_last.last_event as latest_trace,
        moved_last.last_event_at as latest_trace_at,
        case
            when judged.is_signed then coalesce(judged.signed_before, signed_last.signed_at)
        end as signed_at,
        case
            when judged.is_signed then coalesce(judged.kind_before, signed_last.sign_kind)
        end as sign_kind,
        case
            when judged.is_signed then coalesce(judged.event_before, last_sign.event_id)
        end as sign_event
    from judged
    left join tracking.shipment as moved_last on judged.moved_last = moved_last.shipment_id
    left join tracking.shipment as signed_last on judged.signed_last = signed_last.shipment_id
    left join lateral (
        select status_change.event_id
        from tracking.status_change
        where
            status_change.shipment_id = judged.signed_last
            and status_change.to_status = 'signed'
        order by status_change.detected_at desc, status_change.occurred_at desc
        limit 1
    ) as last_sign on true
)

update tracking.erp_row
set
    status = found.status,
    parcels = found.parcels,
    parcels_signed = found.parcels_signed,
    signed_at = found.signed_at,
    sign_kind = found.sign_kind,
    sign_event = found.sign_event,
    latest_trace = found.latest_trace,
    latest_trace_at = found.latest_trace_at,
    waybill_nos = found.waybill_nos,
    trace_changed
    = erp_row.trace_changed
    or (erp_row.status, erp_row.latest_trace, erp_row.latest_trace_at, erp_row.waybill_nos)
    is distinct from (found.status, found.latest_trace, found.latest_trace_at, found.waybill_nos)
from found
where
    erp_row.erp_key = found.erp_key
    and (
        erp_row.status,
        erp_row.parcels,
        erp_row.parcels_signed,
        erp_row.signed_at,
        erp_row.sign_event,
        erp_row.latest_trace,
        erp_row.latest_trace_at,
        erp_row.waybill_nos
    ) is distinct from (
        found.status,
        found.parcels,
        found.parcels_signed,
        found.signed_at,
        found.sign_event,
        found.latest_trace,
        found.latest_trace_at,
        found.waybill_nos
    )
returning
    erp_row.erp_key,
    found.signed_before is null and erp_row.signed_at is not null as newly_signed
