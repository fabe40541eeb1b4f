-- Every order of the stage is known; a new one is due for its parcels at once, and one that has
-- become urgent for what it waited for.
with wanted as (
    select
        platform,
        account,
        platform_order_id,
        max(priority) as priority
    from incoming_row
    where refusal is null
    group by
        platform,
        account,
        platform_order_id
)

insert into tracking.tracked_order as known (
    platform, account, platform_order_id, priority, first_seen_at, ask_parcels_at
)
select
    wanted.platform,
    wanted.account,
    wanted.platform_order_id,
    wanted.priority,
    :now as first_seen_at,
    :now as ask_parcels_at
from wanted
left join tracking.tracked_order
    on
        wanted.platform = tracked_order.platform
        and wanted.account = tracked_order.account
        and wanted.platform_order_id = tracked_order.platform_order_id
where
    tracked_order.order_id is null
    or tracked_order.priority <> wanted.priority
on conflict (platform, account, platform_order_id) do update
    set
        priority = excluded.priority,
        next_poll_at = case
            when excluded.priority > known.priority and known.next_poll_at > :now then :now
            else known.next_poll_at
        end,
        ask_parcels_at = case
            when
                excluded.priority > known.priority
                and known.parcels_asked_at is null
                and known.ask_parcels_at > :now
                then :now
            else known.ask_parcels_at
        end
