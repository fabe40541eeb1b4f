-- severity: warning
-- Every reply is loaded or quarantined within a day.
select
    reply_id,
    order_id,
    fetched_at,
    last_error
from tracking.trace_reply
where
    loaded_at is null
    and quarantined_at is null
    and fetched_at < :now - interval '1 day'
