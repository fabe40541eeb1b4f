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
inner join tracking.replay on replay_difference.run_id = replay.run_id;

comment on view analytics.replay_differences is
'One row for each thing that a run of replay_traces read otherwise than it was stored.';
comment on column analytics.replay_differences.run_id is 'as in replays';
comment on column analytics.replay_differences.dry_run is 'it was only shown, not applied';
comment on column analytics.replay_differences.started_at is 'when the run began';
comment on column analytics.replay_differences.kind is
'what is different: the counts explain each';
comment on column analytics.replay_differences.account is 'the id of the account''s connection';
comment on column analytics.replay_differences.platform_order_id is
'the platform''s id of the order; of a parcel the first of its orders';
comment on column analytics.replay_differences.waybill_no is
'the waybill number; null while unknown';
comment on column analytics.replay_differences.occurred_at is
'of a scan, change or signature; of a reply when it was fetched';
comment on column analytics.replay_differences.description is
'the scan''s text, masked; or which row of the ERP is meant';
comment on column analytics.replay_differences.before is 'how it was read; empty: not at all';
comment on column analytics.replay_differences.after is 'how it is read now';
