-- name: alerts
-- The open alerts of the pipeline itself are returned, the worst and oldest first, with who muted
-- them.
select
    alert.alert_id,
    alert.kind,
    alert.account,
    alert.subject,
    alert.severity,
    alert.opened_at,
    alert.told_at,
    alert.detail,
    alert.kind = 'carrier_silent' and alert.muted_at is null as can_be_muted,
    muted.actor as muted_by,
    muted.acted_at as muted_at,
    muted.reason as muted_because
from tracking.alert
left join tracking.act as muted
    on
        alert.alert_id = muted.subject_id
        and muted.kind = 'mute_incident'
where alert.cleared_at is null
order by alert.severity <> 'critical', alert.opened_at
limit :most;


-- name: freshness
-- For each account its open orders, its last poll and its most overdue order are returned.
select
    account,
    count(*) as open,
    max(last_polled_at) as last_polled_at,
    min(next_poll_at) filter (
        where parcels_asked_at is not null and next_poll_at <= :now
    ) as due_since,
    count(*) filter (where parcels_asked_at is not null and next_poll_at <= :now) as due
from tracking.tracked_order
where closed_at is null
group by account
order by account;


-- name: quota
-- Each app key is returned with the calls that it may make in a day and those it made lately.
select
    api_quota.gateway,
    '…' || right(api_quota.app_key, 4) as app_key,
    least(1.04 / nullif(api_quota.spacing, 0), 100000) as qps,
    floor(least(86400 / nullif(api_quota.spacing, 0), 1e10)) as daily,
    nullif(greatest(api_quota.blocked_until, :now), :now) as blocked_until,
    used.accounts,
    cast(coalesce(used.calls, 0) as bigint) as calls
from tracking.api_quota
left join lateral (
    select
        string_agg(distinct api_quota_account.account, ', ') as accounts,
        sum(spent.calls) as calls
    from tracking.api_quota_account
    left join (
        select
            api_usage.account,
            sum(api_usage.calls) as calls
        from tracking.run
        inner join tracking.api_usage on run.run_id = api_usage.run_id
        where run.started_at > :now - interval '1 day'
        group by api_usage.account
    ) as spent on api_quota_account.account = spent.account
    where
        api_quota_account.gateway = api_quota.gateway
        and api_quota_account.app_key = api_quota.app_key
) as used on true
where api_quota.share = 'all'
order by api_quota.gateway, api_quota.app_key;


-- name: runs
-- The last runs are returned, the newest first.
select
    run.run_id,
    run.run_type,
    run.started_at,
    run.ended_at,
    run.due,
    run.polled,
    run.left_over,
    run.events_new,
    run.changes,
    run.signed,
    run.notices_sent,
    run.failed_orders,
    run.untracked,
    cast(coalesce(usage.calls, 0) as bigint) as calls
from (
    select
        run.*
    from tracking.run
    order by started_at desc
    limit :most
) as run
left join lateral (
    select sum(api_usage.calls) as calls
    from tracking.api_usage
    where api_usage.run_id = run.run_id
) as usage on true
order by run.started_at desc;


-- name: channels
-- Each channel is returned with its pending, dead and lately sent notices. The recursion finds the
-- channels in an index that is ordered by them, without reading it whole.
with recursive known (audience, channel) as (
    (
        select
            notification.audience,
            notification.channel
        from tracking.notification
        where notification.state = 'sent'
        order by notification.audience, notification.channel
        limit 1
    )
    union all
    select
        following.audience,
        following.channel
    from known
    cross join lateral (
        select
            notification.audience,
            notification.channel
        from tracking.notification
        where
            notification.state = 'sent'
            and (notification.audience, notification.channel) > (known.audience, known.channel)
        order by notification.audience, notification.channel
        limit 1
    ) as following
),

waiting as (
    select
        each_state.audience,
        each_state.channel,
        sum(each_state.pending) as pending,
        sum(each_state.dead) as dead
    from (
        select
            notification.audience,
            notification.channel,
            count(*) as pending,
            0 as dead
        from tracking.notification
        where notification.state = 'pending'
        group by notification.audience, notification.channel
        union all
        select
            notification.audience,
            notification.channel,
            0 as pending,
            count(*) as dead
        from tracking.notification
        where notification.state = 'dead'
        group by notification.audience, notification.channel
    ) as each_state
    group by each_state.audience, each_state.channel
),

named as (
    select
        known.audience,
        known.channel
    from known
    union
    select
        waiting.audience,
        waiting.channel
    from waiting
)

select
    named.audience,
    named.channel,
    cast(coalesce(waiting.pending, 0) as bigint) as pending,
    cast(coalesce(waiting.dead, 0) as bigint) as dead,
    sent.day as sent,
    newest.sent_at
from named
left join waiting
    on
        named.audience = waiting.audience
        and named.channel = waiting.channel
cross join
    lateral (
        select count(*) as day
        from tracking.notification
        where
            notification.state = 'sent'
            and notification.audience = named.audience
            and notification.channel = named.channel
            and notification.sent_at > :now - interval '1 day'
    ) as sent
left join lateral (
    select notification.sent_at
    from tracking.notification
    where
        notification.state = 'sent'
        and notification.audience = named.audience
        and notification.channel = named.channel
    order by notification.sent_at desc
    limit 1
) as newest on true
order by named.audience, named.channel;


-- name: feeds
-- Every change feed is returned with how far it was read.
select
    account,
    feed,
    cursor_at,
    trusted_since,
    reported,
    missed,
    last_error
from tracking.feed
order by account;


-- name: tokens
-- The newest stored token of each account is returned with when it ends.
select distinct on (account)
    account,
    stored_at,
    expires_at,
    refresh_expires_at
from tracking.token
where stored_at is not null
order by account asc, stored_at desc;


-- name: daily
-- For each of the last days in Shanghai, the rows of the ERP that were shipped and signed on it are
-- counted. Shanghai keeps one offset all year.
select
    day.at as day,
    coalesce(shipped.orders, 0) as shipped,
    coalesce(signed.orders, 0) as signed
from
    generate_series(
        date_bin('1 day', :now, timestamptz '2000-01-01 00:00+08')
        - (:days - 1) * interval '24 hours',
        date_bin('1 day', :now, timestamptz '2000-01-01 00:00+08'),
        interval '24 hours'
    ) as day (at)
left join (
    select
        date_bin('1 day', shipped_at, timestamptz '2000-01-01 00:00+08') as at,
        count(*) as orders
    from tracking.erp_row
    where shipped_at > :now - :days * interval '24 hours'
    group by date_bin('1 day', shipped_at, timestamptz '2000-01-01 00:00+08')
) as shipped on day.at = shipped.at
left join (
    select
        date_bin('1 day', signed_at, timestamptz '2000-01-01 00:00+08') as at,
        count(*) as orders
    from tracking.erp_row
    where signed_at > :now - :days * interval '24 hours'
    group by date_bin('1 day', signed_at, timestamptz '2000-01-01 00:00+08')
) as signed on day.at = signed.at
order by day.at;


-- name: transit
-- For each carrier, the hours from the first scan to the confirmed signature are returned, as
-- percentiles of the parcels signed lately, the carriers with the most parcels first.
select
    coalesce(carrier_name, carrier_code, '') as carrier,
    count(*) as parcels,
    extract(
        epoch from percentile_cont(0.5) within group (order by signed_at - first_event_at)
    ) / 3600 as p50,
    extract(
        epoch from percentile_cont(0.9) within group (order by signed_at - first_event_at)
    ) / 3600 as p90
from tracking.shipment
where
    sign_confirmed_at > :now - :days * interval '24 hours'
    and status = 'signed'
    and signed_at > first_event_at
group by coalesce(carrier_name, carrier_code, '')
order by count(*) desc, coalesce(carrier_name, carrier_code, '') asc
limit :most;


-- name: detection
-- For each of the last days in Shanghai, the minutes from a signature to its detection are returned
-- as percentiles; what was signed before its parcel was first seen is left out.
select
    date_bin('1 day', status_change.detected_at, timestamptz '2000-01-01 00:00+08') as day,
    count(*) as signatures,
    extract(
        epoch from percentile_cont(0.5) within group (
            order by status_change.detected_at - status_change.occurred_at
        )
    ) / 60 as p50,
    extract(
        epoch from percentile_cont(0.95) within group (
            order by status_change.detected_at - status_change.occurred_at
        )
    ) / 60 as p95
from tracking.status_change
where
    status_change.to_status = 'signed'
    and status_change.detected_at > :now - :days * interval '24 hours'
    and status_change.detected_at >= status_change.occurred_at
    and exists (
        select 1
        from tracking.order_shipment
        where
            order_shipment.shipment_id = status_change.shipment_id
            and order_shipment.first_seen_at <= status_change.occurred_at
    )
group by date_bin('1 day', status_change.detected_at, timestamptz '2000-01-01 00:00+08')
order by date_bin('1 day', status_change.detected_at, timestamptz '2000-01-01 00:00+08');


-- name: calls
-- The calls of each account in the runs of the last days are counted, and those that failed; an
-- answer with a code that no table knows is none of these. The offset lets the planner start from
-- the runs.
select
    spent.account,
    sum(spent.calls) as calls,
    sum(spent.failed) as failed
from tracking.run
cross join
    lateral (
        select
            api_usage.account,
            api_usage.calls,
            case
                when api_usage.outcome in ('quota', 'retryable', 'auth', 'rejected')
                    then api_usage.calls
                else 0
            end as failed
        from tracking.api_usage
        where api_usage.run_id = run.run_id
        order by api_usage.account
        offset 0
    ) as spent
where run.started_at > :now - :days * interval '1 day'
group by spent.account
order by spent.account;
