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
        seconds = known.seconds + excluded.seconds
