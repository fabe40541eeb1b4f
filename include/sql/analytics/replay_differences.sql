-- One row per thing that a run of replay_traces reads otherwise than it was stored.
create or replace view analytics.replay_differences as
select
    replay_difference.run_id,
    replay.dry_run,
    replay.started_at,
    replay_difference.kind,
    replay_difference.account,
    replay_difference.platform_order_id,
    replay_difference.waybill_no,
    replay_difference.occurred_at,
    replay_difference.description,
    replay_difference.before,
    replay_difference.after
from tracking.replay_difference
inner join tracking.replay on replay_difference.run_id = replay.run_id
