-- Every order of the stage is known; a new one is due for its parcels at once.
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

insert into tracking.tracked_order (
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
    set priority = excluded.priority
