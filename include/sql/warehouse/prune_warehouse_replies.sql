-- Of a page of replies those are gone that were loaded before the time given and are not their
-- order's newest loaded one. The last one's id leads to the next page; none once replies are young.
with page as (
    select
        trace_reply.reply_id,
        trace_reply.order_id,
        trace_reply.fetched_at,
        trace_reply.loaded_at
    from tracking.trace_reply
    where trace_reply.reply_id > coalesce(cast(:after as bigint), 0)
    order by trace_reply.reply_id
    limit :most
),

pruned as (
    delete from tracking.trace_reply
    using page
    where
        trace_reply.reply_id = page.reply_id
        and page.loaded_at < :before
        and exists (
            select 1
            from tracking.trace_reply as newer
            where
                newer.order_id = page.order_id
                and newer.reply_id > page.reply_id
                and newer.loaded_at is not null
        )
    returning trace_reply.reply_id
)

select
    (select count(*) from pruned) as replies,
    case when min(page.fetched_at) < :before then max(page.reply_id) end as last
from page
