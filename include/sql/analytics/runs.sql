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
    run.untracked,
    format(
        '%s of %s due orders polled with %s calls, %s new scans, %s status changes,'
        ' %s orders signed, %s notices sent%s%s%s',
        run.polled,
        run.due,
        coalesce(usage.calls, 0),
        run.events_new,
        run.changes,
        run.signed,
        run.notices_sent,
        case when run.left_over > 0 then format('; %s orders left over', run.left_over) end,
        case when run.failed_orders > 0 then format('; %s polls failed', run.failed_orders) end,
        case
            when run.untracked > 0 then format('; %s ERP rows not tracked', run.untracked)
        end
    ) as summary
from tracking.run
left join (
    select
        api_usage.run_id,
        sum(api_usage.calls) as calls
    from tracking.api_usage
    group by api_usage.run_id
) as usage on run.run_id = usage.run_id;

comment on view analytics.runs is
'One row for each run, with what it found and did. Ids of other DAGs begin with the '
'DAG''s name.';
comment on column analytics.runs.run_id is 'Airflow''s run id';
comment on column analytics.runs.run_type is 'scheduled, manual, backfill or asset_triggered';
comment on column analytics.runs.started_at is 'when its first step began';
comment on column analytics.runs.ended_at is 'when a step last added to its numbers';
comment on column analytics.runs.due is 'orders that were due';
comment on column analytics.runs.polled is 'orders that were polled';
comment on column analytics.runs.left_over is
'due orders that the time or the quota did not allow';
comment on column analytics.runs.calls is 'calls to platforms';
comment on column analytics.runs.events_new is 'scans stored';
comment on column analytics.runs.events_duplicate is 'scans that were stored before';
comment on column analytics.runs.changes is 'changes of status';
comment on column analytics.runs.signed is 'orders that became signed in the warehouse';
comment on column analytics.runs.notices_sent is 'notices that receivers took';
comment on column analytics.runs.failed_orders is 'orders whose poll failed';
comment on column analytics.runs.untracked is
'rows of the ERP''s list that cannot be tracked as they stand; orders.last_error says why';
comment on column analytics.runs.summary is 'what it did, in one line';
