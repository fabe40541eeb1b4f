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
group by description, status, decided_by
