-- One row per run of replay_traces, with what it read and could not read.
create or replace view analytics.replays as
select
    replay.run_id,
    replay.dry_run,
    replay.started_at,
    replay.ended_at,
    replay.orders,
    replay.replies,
    replay.events,
    replay.not_rebuilt,
    replay.unreadable,
    replay.waiting
from tracking.replay
