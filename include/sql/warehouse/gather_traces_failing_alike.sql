-- The commonest reason why open orders of the account fail, without the platform's ids of the
-- calls, how many it fails, and how many are open.
select
    regexp_replace(
        regexp_replace(tracked_order.last_error, ', request [^()]*\)$', ')'),
        ' \(request [^()]*\)$',
        ''
    ) as reason,
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
group by reason
order by failing desc
limit 1
