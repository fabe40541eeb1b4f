-- The accounts with work, and how many of their orders are due; a backfill has its interval's. An
-- account with open orders and a feed has its feed to be read.
with due as (
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
                and (
                    ask_parcels_at <= :now
                    or (parcels_asked_at is not null and next_poll_at <= :now)
                )
        end
    group by account
),

fed as (
    select feed.account
    from tracking.feed
    where
        not :backfill
        and not :only_high_priority
        and (cast(:only_account as text) is null or feed.account = :only_account)
        and exists (
            select 1
            from tracking.tracked_order
            where
                tracked_order.account = feed.account
                and tracked_order.closed_at is null
        )
)

select
    coalesce(due.account, fed.account) as account,
    coalesce(due.orders, 0) as orders
from due
full join fed on due.account = fed.account
order by account
