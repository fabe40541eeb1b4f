-- A batch of the orders of the account whose parcels are to be asked for is leased to the owner:
-- high priority first, then waiting for a sign to be confirmed, then by how long they wait.
with due as (
    select tracked_order.order_id
    from tracking.tracked_order
    where
        tracked_order.account = :account
        and tracked_order.closed_at is null
        and (tracked_order.priority > 0 or not :only_high_priority)
        and tracked_order.ask_parcels_at <= :now
        and (
            tracked_order.parcels_asked_at is null
            or tracked_order.parcels_asked_at
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
        tracked_order.status = 'signed' desc,
        tracked_order.ask_parcels_at asc,
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
    claimed.all_signed
from claimed
order by
    claimed.priority desc,
    claimed.status = 'signed' desc,
    claimed.ask_parcels_at asc,
    claimed.order_id asc
