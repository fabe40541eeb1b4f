-- The accounts with work, and how many of their orders are due; a backfill has its interval's.
select
    account,
    count(*) as orders
from tracking.tracked_order
where
    (cast(:only_account as text) is null or account = :only_account)
    and case
        when :backfill
            then
                backfill_at <= :now
                and exists (
                    select 1
                    from tracking.erp_row
                    where
                        erp_row.order_id = tracked_order.order_id
                        and erp_row.shipped_at >= :shipped_from
                        and erp_row.shipped_at < :shipped_to
                )
        else
            tracked_order.closed_at is null
            and (priority > 0 or not :only_high_priority)
            and (ask_parcels_at <= :now or (parcels_asked_at is not null and next_poll_at <= :now))
    end
group by account
order by account
