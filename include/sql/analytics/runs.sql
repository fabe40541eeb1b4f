-- One row per run of the pipeline, with what it found and did.
create or replace view analytics.runs as
select
    run.run_id,
    run.run_type,
    run.started_at,
    run.ended_at,
    run.due,
    run.polled,
    run.left_over,
    coalesce(usage.calls, 0) as calls,
    run.events_new,
    run.events_duplicate,
    run.changes,
    run.signed,
    run.notices_sent,
    run.failed_orders,
    run.untracked
from tracking.run
left join (
    select
        api_usage.run_id,
        sum(api_usage.calls) as calls
    from tracking.api_usage
    group by api_usage.run_id
) as usage on run.run_id = usage.run_id
