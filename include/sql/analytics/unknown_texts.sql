-- One row per text that is unknown or was read by a narrow margin, and how often it came.
create or replace view analytics.unknown_texts as
select
    description,
    status,
    decided_by,
    count(*) as seen,
    max(occurred_at) as last_seen_at
from tracking.trace_event
where (status = 'unknown' or decided_by = 'model?') and decided_by not in ('action', 'owner')
group by description, status, decided_by;

comment on view analytics.unknown_texts is
'One row for each text that is unknown or was read by a narrow margin.';
comment on column analytics.unknown_texts.description is 'the text, masked';
comment on column analytics.unknown_texts.status is 'status that it was given';
comment on column analytics.unknown_texts.decided_by is
'what decided its status: model, model? (by a narrow margin) or the id of a rule';
comment on column analytics.unknown_texts.seen is 'how often it came';
comment on column analytics.unknown_texts.last_seen_at is 'when it came last';
