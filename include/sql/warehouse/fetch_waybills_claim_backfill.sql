-- Orders of the account in the interval whose parcels nobody knows yet are leased to the owner.
with due as (
    select tracked_order.order_id
    from tracking.tracked_order
    where
        tracked_order.account = :account
        and tracked_order.backfill_at is not null
        and tracked_order.parcels_asked_at is null
        and tracked_order.ask_parcels_at <= :now
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
    tracked_order.all_signed
