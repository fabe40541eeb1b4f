-- The accounts with work, and how many of their orders are due.
select
    account,
    count(*) as orders
from tracking.tracked_order
where
    (cast(:only_account as text) is null or account = :only_account)
    and case
        when :backfill then backfill_at <= :now
        else
            closed_at is null
            and (ask_parcels_at <= :now or (parcels_asked_at is not null and next_poll_at <= :now))
    end
group by account
order by account
