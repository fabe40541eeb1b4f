-- The reply was tried once more; after the last try it is set aside. Its order says why.
with tried as (
    update tracking.trace_reply
    set
        attempts = attempts + 1,
        last_error = :error,
        quarantined_at = case when attempts + 1 >= :tries then cast(:now as timestamptz) end
    where
        reply_id = :reply_id
        and loaded_at is null
    returning
        order_id,
        reply_id
)

update tracking.tracked_order
set load_error = 'reply ' || tried.reply_id || ' cannot be loaded: ' || cast(:error as text)
from tried
where tracked_order.order_id = tried.order_id
