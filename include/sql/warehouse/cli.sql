-- name: unknown_texts
-- The unknown and narrow texts of the warehouse are returned, the most frequent first.
select
    description,
    status,
    decided_by,
    seen,
    last_seen_at
from analytics.unknown_texts
order by seen desc, last_seen_at desc, description asc
limit :most;
