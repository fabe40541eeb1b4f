-- How many orders of the account this kind of run still has to poll or to ask for parcels of.
select count(*)
from tracking.tracked_order
where
    account = :account
    and case
        when :backfill then backfill_at <= :now
        else
            closed_at is null
            and (
                (parcels_asked_at is not null and next_poll_at <= :now)
                or (
                    ask_parcels_at <= :now
                    and (parcels_asked_at is null or parcels_asked_at <= :now - :min_spacing)
                )
            )
    end
