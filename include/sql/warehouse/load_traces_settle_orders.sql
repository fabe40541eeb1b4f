-- Every one of the orders knows its status and when its platform is asked next. Parcels are asked
-- for at once while a sign waits for its confirmation, when all are signed and nobody asked for
-- unshipped lines yet, and when a trace named an unlisted parcel; else after a quiet day. An order
-- whose rows are all signed is asked for no more.
with summary as (
    select
        link.order_id,
        count(*) filter (where shipment.status <> 'cancelled') as parcels,
        count(*) filter (
            where
            shipment.status = 'signed'
            and shipment.sign_confirmed_at is not null
        ) as parcels_signed,
        bool_or(
            shipment.status = 'signed'
            and shipment.sign_confirmed_at is null
        ) as unconfirmed,
        max(link.first_seen_at) filter (where link.listed_at is null) as unlisted_since,
        max(shipment.last_event_at) as last_event_at,
        (
            array_agg(
                shipment.status
                order by array_position(cast(:least_advanced as text[]), shipment.status)
            )
        )[1] as status
    from tracking.order_shipment as link
    inner join tracking.shipment on link.shipment_id = shipment.shipment_id
    where
        link.order_id = any(:orders)
        and link.superseded_at is null
    group by link.order_id
),

found as (
    select
        summary.*,
        summary.parcels > 0 and summary.parcels = summary.parcels_signed as all_signed,
        exists(
            select 1
            from tracking.erp_row
            where
                erp_row.order_id = summary.order_id
                and erp_row.closed_at is null
                and erp_row.signed_at is null
        ) as unsigned_rows
    from summary
)

update tracking.tracked_order
set
    status = found.status,
    all_signed = found.all_signed,
    next_poll_at = case
        when found.unsigned_rows then coalesce(tracked_order.next_poll_at, :now)
    end,
    ask_parcels_at = case
        when not found.unsigned_rows then null
        when found.unconfirmed then :now
        when found.all_signed and tracked_order.has_unshipped_lines is null then :now
        when found.unlisted_since >= tracked_order.parcels_asked_at then :now
        else greatest(tracked_order.parcels_asked_at, found.last_event_at) + interval '24 hours'
    end
from found
where tracked_order.order_id = found.order_id
