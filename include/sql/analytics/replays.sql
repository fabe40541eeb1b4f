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
from tracking.replay;

comment on view analytics.replays is 'One row for each run of replay_traces.';
comment on column analytics.replays.run_id is
'replay_traces/ and the id that Airflow gives the run';
comment on column analytics.replays.dry_run is 'it changed nothing';
comment on column analytics.replays.started_at is 'when it began';
comment on column analytics.replays.ended_at is
'when it was finished; null: it was interrupted, or is running';
comment on column analytics.replays.orders is 'orders that were read again';
comment on column analytics.replays.replies is 'replies that were read again';
comment on column analytics.replays.events is 'scans that they hold';
comment on column analytics.replays.not_rebuilt is
'scans that no stored reply holds any more; they stayed as they were';
comment on column analytics.replays.unreadable is
'replies that could not be read, and orders that could not be loaded';
comment on column analytics.replays.waiting is
'orders that were left to the next run, which judges their news';
