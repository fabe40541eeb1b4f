-- A batch of the most urgent due orders of the account is leased to the owner: high priority first,
-- then out for delivery, then overdue by longest. Each knows its parcels by waybill, live
-- ones before others; several that share a number have its trace. A router's parcel goes by what
-- the router calls it, and superseded by nothing: nobody but us would ever name it again.
with due as (
    select tracked_order.order_id
    from tracking.tracked_order
    where
        tracked_order.account = :account
        and tracked_order.closed_at is null
        and (tracked_order.priority > 0 or not :only_high_priority)
        and tracked_order.parcels_asked_at is not null
        and tracked_order.next_poll_at <= :now
        and (
            tracked_order.last_polled_at is null
            or tracked_order.last_polled_at
            <= :now - case
                when tracked_order.priority > 0 then :priority_spacing
                else :min_spacing
            end
        )
        and (
            tracked_order.lease_until is null
            or tracked_order.lease_until < clock_timestamp()
        )
    order by
        tracked_order.priority desc,
        tracked_order.status = 'out_for_delivery' desc,
        tracked_order.next_poll_at asc,
        tracked_order.order_id asc
    limit :most
    for update skip locked
),

claimed as (
    update tracking.tracked_order
    set
        lease_owner = :owner,
        lease_until = clock_timestamp() + :lease,
        lease_token = tracked_order.lease_token + 1
    from due
    where tracked_order.order_id = due.order_id
    returning tracked_order.*
)

select
    claimed.order_id,
    claimed.platform_order_id,
    claimed.lease_token,
    claimed.fingerprint,
    claimed.all_signed,
    (
        select coalesce(jsonb_object_agg(known.waybill_no, known.names), '{}')
        from (
            select
                named.waybill_no,
                jsonb_agg(named.parcel order by named.shipment_id) as names
            from (
                select
                    shipment_waybill.waybill_no,
                    shipment.shipment_id,
                    coalesce(
                        shipment.router_code || ':' || shipment.waybill_no,
                        shipment.consignment_id
                    ) as parcel,
                    rank() over (
                        partition by shipment_waybill.waybill_no
                        order by
                            (order_shipment.superseded_at is null) desc,
                            (shipment.status <> 'cancelled') desc
                    ) as place
                from tracking.order_shipment
                inner join tracking.shipment
                    on order_shipment.shipment_id = shipment.shipment_id
                inner join tracking.shipment_waybill
                    on order_shipment.shipment_id = shipment_waybill.shipment_id
                where
                    order_shipment.order_id = claimed.order_id
                    and (
                        shipment.router_code is null
                        or (
                            order_shipment.superseded_at is null
                            and shipment.waybill_no = shipment_waybill.waybill_no
                        )
                    )
            ) as named
            where named.place = 1
            group by named.waybill_no
        ) as known
    ) as waybills,
    (
        select
            coalesce(
                jsonb_object_agg(
                    coalesce(
                        shipment.router_code || ':' || shipment.waybill_no,
                        shipment.consignment_id
                    ),
                    shipment.sign_confirmed_at is not null or shipment.platform_status = 'signed'
                ),
                '{}'
            )
        from tracking.order_shipment
        inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
        where
            order_shipment.order_id = claimed.order_id
            and (shipment.sign_seen_at is not null or shipment.platform_status = 'signed')
    ) as signatures
from claimed
order by
    claimed.priority desc,
    claimed.status = 'out_for_delivery' desc,
    claimed.next_poll_at asc,
    claimed.order_id asc
