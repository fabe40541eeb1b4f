-- name: circuit
-- Since when the account is known to fail as a whole, how often it did, and why.
select
    opened_at,
    failures,
    reason
from tracking.circuit
where account = :account;


-- name: close_too_old
-- The ERP rows of orders that their platform keeps no trace of any more are closed.
update tracking.erp_row
set
    closed_at = :now,
    close_reason = 'too_old'
where
    order_id = any(:orders)
    and closed_at is null;


-- name: open_circuit
-- The account failed as a whole: its next lane asks for a single order first.
insert into tracking.circuit as circuit (account, opened_at, failures, reason)
values (:account, clock_timestamp(), 1, :reason)
on conflict (account) do update
    set
        failures = circuit.failures + 1,
        reason = excluded.reason;


-- name: close_circuit
-- The account is let in again.
delete from tracking.circuit
where account = :account;


-- name: left_over
-- How many orders of the account this kind of run still has to poll or to ask for parcels of.
select count(*)
from tracking.tracked_order
where
    account = :account
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
                (parcels_asked_at is not null and next_poll_at <= :now)
                or (
                    ask_parcels_at <= :now
                    and (
                        parcels_asked_at is null
                        or parcels_asked_at
                        <= :now - case
                            when priority > 0 then :priority_spacing else :min_spacing
                        end
                    )
                )
            )
    end;


-- name: failing_alike
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
limit 1;
