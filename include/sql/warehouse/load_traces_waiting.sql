-- A batch of the oldest replies that wait behind the last one are ours until the transaction ends.
select
    trace_reply.reply_id,
    trace_reply.order_id,
    tracked_order.account,
    trace_reply.dialect,
    trace_reply.fetched_at,
    trace_reply.body,
    trace_reply.announce
from tracking.trace_reply
inner join tracking.tracked_order on trace_reply.order_id = tracked_order.order_id
where
    trace_reply.loaded_at is null
    and trace_reply.quarantined_at is null
    and trace_reply.reply_id > :after
order by trace_reply.reply_id
limit :most
for update of trace_reply skip locked
