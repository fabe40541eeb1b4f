-- How many orders of the account wait to be polled.
select count(*)
from tracking.tracked_order
where
    account = :account
    and closed_at is null
    and (priority > 0 or not :only_high_priority)
    and parcels_asked_at is not null
    and next_poll_at <= :now
