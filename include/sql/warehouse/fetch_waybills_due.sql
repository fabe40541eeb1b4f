-- How many orders of the account wait: for their parcels to be asked for, and to be polled.
select
    count(*) filter (
        where
        tracked_order.ask_parcels_at <= :now
        and (
            tracked_order.parcels_asked_at is null
            or tracked_order.parcels_asked_at <= :now - :min_spacing
        )
    ) as asks,
    count(*) filter (
        where
        tracked_order.parcels_asked_at is not null
        and tracked_order.next_poll_at <= :now
    ) as polls
from tracking.tracked_order
where
    tracked_order.account = :account
    and tracked_order.closed_at is null
