-- Orders of the account that a backfill of the interval still has to poll are leased to the owner;
-- each knows its parcels by waybill, as in a run that polls what is due.
with due as (
    select tracked_order.order_id
    from tracking.tracked_order
    where
        tracked_order.account = :account
        and tracked_order.backfill_at <= :now
        and tracked_order.parcels_asked_at is not null
        and (
            tracked_order.last_polled_at is null
            or tracked_order.last_polled_at <= :now - :min_spacing
        )
        and (
            tracked_order.lease_until is null
            or tracked_order.lease_until < clock_timestamp()
        )
        and exists (
            select 1
            from tracking.erp_row
            where
                erp_row.order_id = tracked_order.order_id
                and erp_row.shipped_at >= :shipped_from
                and erp_row.shipped_at < :shipped_to
        )
    order by tracked_order.order_id
    limit :most
    for update skip locked
)

update tracking.tracked_order
set
    lease_owner = :owner,
    lease_until = clock_timestamp() + :lease,
    lease_token = tracked_order.lease_token + 1
from due
where tracked_order.order_id = due.order_id
returning
    tracked_order.order_id,
    tracked_order.platform_order_id,
    tracked_order.lease_token,
    tracked_order.fingerprint,
    tracked_order.all_signed,
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
                    order_shipment.order_id = tracked_order.order_id
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
            order_shipment.order_id = tracked_order.order_id
            and (shipment.sign_seen_at is not null or shipment.platform_status = 'signed')
    ) as signatures
