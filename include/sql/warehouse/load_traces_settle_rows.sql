-- Every ERP row of the orders says how far its parcels are: all live parcels of the order, or the
-- one that carries its waybill number. A row is signed when each of them is signed and confirmed,
-- and for a whole order no line is left unshipped.
with live as (
    select
        erp_row.erp_key,
        shipment.status,
        shipment.signed_at,
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
        erp_key,
        count(*) filter (where status <> 'cancelled') as parcels,
        count(*) filter (where signed) as parcels_signed,
        max(signed_at) filter (where signed) as signed_at,
        (array_agg(status order by array_position(cast(:least_advanced as text[]), status)))[1]
            as status
    from live
    group by erp_key
),

found as (
    select
        erp_row.erp_key,
        erp_row.signed_at as signed_before,
        summary.status,
        summary.parcels,
        summary.parcels_signed,
        case
            when
                summary.parcels_signed > 0
                and summary.parcels_signed = summary.parcels
                and (erp_row.waybill_no is not null or not tracked_order.has_unshipped_lines)
                then coalesce(erp_row.signed_at, summary.signed_at)
        end as signed_at
    from summary
    inner join tracking.erp_row on summary.erp_key = erp_row.erp_key
    inner join tracking.tracked_order on erp_row.order_id = tracked_order.order_id
)

update tracking.erp_row
set
    status = found.status,
    parcels = found.parcels,
    parcels_signed = found.parcels_signed,
    signed_at = found.signed_at
from found
where
    erp_row.erp_key = found.erp_key
    and (erp_row.status, erp_row.parcels, erp_row.parcels_signed, erp_row.signed_at)
    is distinct from (found.status, found.parcels, found.parcels_signed, found.signed_at)
returning
    erp_row.erp_key,
    found.signed_before is null and erp_row.signed_at is not null as newly_signed
