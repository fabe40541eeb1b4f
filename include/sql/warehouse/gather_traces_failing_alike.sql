-- The commonest reason why open orders of the account fail, how many it fails, and how many are
-- open.
select
    tracked_order.last_error,
    count(*) as failing,
    (
        select count(*)
        from tracking.tracked_order as every
        where
            every.account = :account
            and every.closed_at is null
    ) as open
from tracking.tracked_order
where
    tracked_order.account = :account
    and tracked_order.closed_at is null
    and tracked_order.last_error is not null
group by tracked_order.last_error
order by failing desc
limit 1
