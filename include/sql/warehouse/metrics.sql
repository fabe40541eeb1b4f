-- name: run
-- What the run did.
select
    due,
    polled,
    left_over,
    failed_orders,
    untracked
from tracking.run
where run_id = :run_id;


-- name: calls
-- How the run's calls ended, by account.
select
    account,
    outcome,
    sum(calls) as calls
from tracking.api_usage
where run_id = :run_id
group by
    account,
    outcome
order by
    account,
    outcome;


-- name: state
-- How everything stands. Without a signature of the last day its delays are null.
select
    orders.orders_open,
    orders.orders_overdue,
    outbox.outbox_waiting,
    outbox.outbox_oldest_seconds,
    dead.outbox_dead,
    stalls.stalls_open,
    alerts.alerts_open,
    unwritten.signs_unwritten,
    detection.detection_p50_seconds,
    detection.detection_p95_seconds,
    writing.written_p50_seconds,
    writing.written_p95_seconds
from (
    select
        count(*) as orders_open,
        count(*) filter (
            where next_poll_at < :now - interval '30 minutes'
        ) as orders_overdue
    from tracking.tracked_order
    where closed_at is null
) as orders
cross join (
    select
        count(*) as outbox_waiting,
        coalesce(
            cast(extract(epoch from :now - min(due_at)) as double precision), 0
        ) as outbox_oldest_seconds
    from tracking.notification
    where
        state = 'pending'
        and due_at <= :now
) as outbox
cross join (
    select count(*) as outbox_dead
    from tracking.notification
    where state = 'dead'
) as dead
cross join (
    select count(*) as stalls_open
    from tracking.stall
    where cleared_at is null
) as stalls
cross join (
    select count(*) as alerts_open
    from tracking.alert
    where cleared_at is null
) as alerts
cross join (
    select count(*) as signs_unwritten
    from tracking.erp_row
    where
        sign_event is not null
        and sign_event is distinct from settled_event
) as unwritten
cross join (
    select
        cast(
            extract(
                epoch from percentile_cont(0.5) within group (order by sign_seen_at - signed_at)
            ) as double precision
        ) as detection_p50_seconds,
        cast(
            extract(
                epoch from percentile_cont(0.95) within group (order by sign_seen_at - signed_at)
            ) as double precision
        ) as detection_p95_seconds
    from tracking.shipment
    where
        sign_confirmed_at > :now - interval '1 day'
        and sign_confirmed_at is not null
) as detection
cross join (
    select
        cast(
            extract(
                epoch from percentile_cont(0.5) within group (order by written_at - signed_at)
            ) as double precision
        ) as written_p50_seconds,
        cast(
            extract(
                epoch from percentile_cont(0.95) within group (order by written_at - signed_at)
            ) as double precision
        ) as written_p95_seconds
    from tracking.erp_writeback
    where
        written_at > :now - interval '1 day'
        and outcome = 'signed'
) as writing;
