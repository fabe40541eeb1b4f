-- name: begin
-- The run has its row.
insert into tracking.run (run_id, run_type, started_at)
values (:run_id, :run_type, :started_at)
on conflict (run_id) do nothing;


-- name: add
-- The run's numbers grow by what a step did.
update tracking.run
set
    ended_at = greatest(ended_at, :now),
    due = due + :due,
    polled = polled + :polled,
    left_over = left_over + :left_over,
    events_new = events_new + :events_new,
    events_duplicate = events_duplicate + :events_duplicate,
    changes = changes + :changes,
    signed = signed + :signed,
    notices_sent = notices_sent + :notices_sent,
    failed_orders = failed_orders + :failed_orders,
    untracked = untracked + :untracked
where run_id = :run_id;


-- name: usage
-- The calls of a lane are added to the run's.
insert into tracking.api_usage as known (run_id, account, api, outcome, calls, seconds)
select
    :run_id,
    :account,
    usage.api,
    usage.outcome,
    usage.calls,
    usage.seconds
from
    jsonb_to_recordset(cast(:usage as jsonb))
        as usage (
            api text,
            outcome text,
            calls integer,
            seconds double precision
        )
order by
    usage.api,
    usage.outcome
on conflict (run_id, account, api, outcome) do update
    set
        calls = known.calls + excluded.calls,
        seconds = known.seconds + excluded.seconds;


-- name: closures_refused
-- The run's row says why it closed no order, or, with nothing, that it was allowed to.
update tracking.run
set closures_refused = :refusal
where run_id = :run_id;
