-- name: accounts
-- The accounts that have open orders.
select distinct account
from tracking.tracked_order
where closed_at is null
order by account;


-- name: api_failures
-- Accounts of whose last calls too many failed. The last calls are those of the newest runs that
-- together made enough of them.
with usage as (
    select
        api_usage.account,
        run.run_id,
        run.started_at,
        sum(api_usage.calls) as calls,
        sum(api_usage.calls) filter (where api_usage.outcome = 'retryable') as failed
    from tracking.run
    inner join tracking.api_usage on run.run_id = api_usage.run_id
    where run.started_at > :now - cast(:lately as interval)
    group by api_usage.account, run.run_id
),

ranked as (
    select
        account,
        calls,
        failed,
        sum(calls) over newer - calls as calls_since
    from usage
    window newer as (
        partition by account
        order by started_at desc, run_id desc
        rows unbounded preceding
    )
)

select
    'api_failures' as kind,
    account,
    account as subject,
    'warning' as severity,
    format('%s of the last %s calls failed', sum(failed), sum(calls)) as detail
from ranked
where calls_since < :fewest_calls
group by account
having
    sum(calls) >= :fewest_calls
    and sum(failed) > :most_failed_calls * sum(calls);


-- name: quota
-- Accounts that may make no call now, or of whose last run the platform pushed back too many calls.
with newest as (
    select
        account,
        calls,
        pushed_back
    from (
        select
            api_usage.account,
            sum(api_usage.calls) as calls,
            sum(api_usage.calls) filter (where api_usage.outcome = 'quota') as pushed_back,
            row_number() over (
                partition by api_usage.account
                order by run.started_at desc, run.run_id desc
            ) as place
        from tracking.run
        inner join tracking.api_usage on run.run_id = api_usage.run_id
        where run.started_at > :now - cast(:lately as interval)
        group by api_usage.account, run.run_id
    ) as usage
    where place = 1
),

pushed_back as (
    select
        account,
        format('%s of %s calls of its last run were pushed back', pushed_back, calls) as detail
    from newest
    where
        calls >= :fewest_calls
        and pushed_back > :most_failed_calls * calls
),

blocked as (
    select
        api_quota_account.account,
        format(
            'no calls until %s (Shanghai)',
            to_char(
                max(api_quota.blocked_until) at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI'
            )
        ) as detail
    from tracking.api_quota
    inner join tracking.api_quota_account
        on
            api_quota.gateway = api_quota_account.gateway
            and api_quota.app_key = api_quota_account.app_key
    where
        api_quota.blocked_until > clock_timestamp() + interval '1 minute'
        and api_quota_account.seen_at > clock_timestamp() - interval '1 day'
    group by api_quota_account.account
)

select
    'quota' as kind,
    found.account,
    found.account as subject,
    'warning' as severity,
    string_agg(found.detail, '; ' order by found.detail) as detail
from (
    select
        account,
        detail
    from blocked
    union all
    select
        account,
        detail
    from pushed_back
) as found
group by found.account;


-- name: locked_out
-- Accounts with open orders whose last lane failed as a whole.
select
    'locked_out' as kind,
    account,
    account as subject,
    'critical' as severity,
    reason as detail
from tracking.circuit
where
    exists (
        select 1
        from tracking.tracked_order
        where
            tracked_order.account = circuit.account
            and tracked_order.closed_at is null
    );


-- name: refresh_token_ends
-- Accounts with open orders whose newest refresh token ends soon, or did.
with newest as (
    select distinct on (account)
        account,
        refresh_expires_at
    from tracking.token
    where secret is not null
    order by account asc, stored_at desc
)

select
    'refresh_token_ends' as kind,
    newest.account,
    newest.account as subject,
    'warning' as severity,
    format(
        'the refresh token ends at %s (Shanghai)',
        to_char(newest.refresh_expires_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI')
    ) as detail
from newest
where
    newest.refresh_expires_at < :now + cast(:token_warning as interval)
    and exists (
        select 1
        from tracking.tracked_order
        where
            tracked_order.account = newest.account
            and tracked_order.closed_at is null
    );


-- name: feed_broken
-- Accounts whose feed could not be read last time.
select
    'feed_broken' as kind,
    account,
    account as subject,
    'warning' as severity,
    last_error as detail
from tracking.feed
where last_error is not null;


-- name: not_polled
-- Accounts none of whose open orders was asked about in two runs, though some were due before.
with past as (
    select started_at
    from tracking.run
    where
        run_type <> 'backfill'
        and run_id not like 'sync_priority/%'
        and started_at <= :now
    order by started_at desc
    limit 2
),

two_runs as (
    select min(started_at) as since
    from past
    having count(*) = 2
),

known as (
    select
        tracked_order.account,
        two_runs.since,
        count(*) filter (
            where
            case
                when tracked_order.parcels_asked_at is null then tracked_order.ask_parcels_at
                else tracked_order.next_poll_at
            end < two_runs.since
        ) as due,
        max(greatest(tracked_order.last_polled_at, tracked_order.parcels_asked_at)) as polled_at
    from tracking.tracked_order
    cross join two_runs
    where tracked_order.closed_at is null
    group by tracked_order.account, two_runs.since
)

select
    'not_polled' as kind,
    account,
    account as subject,
    'critical' as severity,
    format('%s orders are due, and none was polled in the last two runs', due) as detail
from known
where
    due > 0
    and coalesce(polled_at < since, true);


-- name: backlog
-- Each run of a day left orders over, and its last quarter left more than its first.
with day as (
    select
        started_at,
        left_over
    from tracking.run
    where
        run_type <> 'backfill'
        and run_id not like 'sync_priority/%'
        and started_at > :now - interval '1 day'
        and started_at <= :now
        and (polled > 0 or left_over > 0)
),

quarters as (
    select
        count(*) as runs,
        min(started_at) as since,
        min(left_over) as fewest,
        avg(left_over) filter (where started_at <= :now - interval '18 hours') as before,
        avg(left_over) filter (where started_at > :now - interval '6 hours') as lately
    from day
)

select
    'backlog' as kind,
    cast(null as text) as account,
    'backlog' as subject,
    'warning' as severity,
    format(
        'a run leaves %s orders over, a day ago it left %s', round(lately), round(before)
    ) as detail
from quarters
where
    fewest > 0
    and since <= :now - interval '23 hours'
    and lately > before;


-- name: erp_writes
-- Several signatures or traces wait, which the ERP did not take.
with failed as (
    select
        erp_row.erp_key,
        coalesce(erp_writeback.detail, 'nothing is known of its outcome') as error
    from tracking.erp_row
    inner join tracking.erp_writeback
        on
            erp_row.erp_key = erp_writeback.erp_key
            and erp_row.sign_event = erp_writeback.source_event
    where
        erp_row.sign_event is not null
        and erp_row.sign_event is distinct from erp_row.settled_event
        and (
            erp_writeback.outcome = 'failed'
            or (
                erp_writeback.outcome is null
                and erp_writeback.created_at < :now - interval '1 hour'
            )
        )
    union
    select
        erp_key,
        trace_error as error
    from tracking.erp_row
    where
        trace_changed
        and trace_error is not null
)

select
    'erp_writes' as kind,
    cast(null as text) as account,
    'erp_db' as subject,
    'critical' as severity,
    format('%s writes failed, such as of order %s: %s', count(*), min(erp_key), min(error))
        as detail
from failed
having count(*) >= :fewest_writes;


-- name: channel_down
-- Channels that took nothing since they refused messages twice or more.
with refused as (
    select
        audience,
        channel,
        state,
        attempts,
        last_error,
        due_at - cast(:first_pause as interval) * power(2, attempts - 1) as failed_at
    from tracking.notification
    where
        channel <> ''
        and attempts > 0
        and state in ('pending', 'dead')
),

since_success as (
    select
        refused.audience,
        refused.channel,
        refused.state,
        refused.attempts,
        refused.last_error,
        refused.failed_at
    from refused
    left join lateral (
        select max(sent.sent_at) as last_at
        from tracking.notification as sent
        where
            sent.audience = refused.audience
            and sent.channel = refused.channel
            and sent.state = 'sent'
    ) as taken on true
    where
        (taken.last_at is null or refused.failed_at > taken.last_at)
        and (refused.state = 'pending' or refused.failed_at > :now - cast(:lately as interval))
)

select
    'channel_down' as kind,
    case when audience not in ('ops', 'customers') then audience end as account,
    audience || '/' || channel as subject,
    'critical' as severity,
    format(
        '%s notices are pending, %s are dead: %s',
        count(*) filter (where state = 'pending'),
        count(*) filter (where state = 'dead'),
        (array_agg(last_error order by failed_at desc))[1]
    ) as detail
from since_success
group by
    audience,
    channel
having sum(attempts) > 1;


-- name: dead_notices
-- Channels that have notices which were given up lately and no newer one of their parcel replaced.
with dead as (
    select
        notification.audience,
        notification.channel,
        notification.last_error,
        notification.due_at
        - cast(:first_pause as interval) * power(2, notification.attempts - 1) as died_at
    from tracking.notification
    where
        notification.state = 'dead'
        and not exists (
            select 1
            from tracking.notification as newer
            where
                newer.shipment_id = notification.shipment_id
                and newer.audience = notification.audience
                and newer.channel = notification.channel
                and newer.state = 'sent'
                and newer.digest = notification.digest
                and newer.notification_id > notification.notification_id
        )
)

select
    'dead_notices' as kind,
    case when audience not in ('ops', 'customers') then audience end as account,
    audience || '/' || channel as subject,
    'warning' as severity,
    format(
        '%s notices were given up, the last with: %s',
        count(*),
        (array_agg(last_error order by died_at desc))[1]
    ) as detail
from dead
where died_at > :now - cast(:lately as interval)
group by
    audience,
    channel;


-- name: unknown_codes
-- Accounts with more answers of the last day that hold a code which no table knows than usual.
with usage as (
    select
        api_usage.account,
        api_usage.calls,
        run.started_at > :now - cast(:lately as interval) as is_new,
        case when api_usage.outcome like 'unmapped %' then substr(api_usage.outcome, 10) end as code
    from tracking.run
    inner join tracking.api_usage on run.run_id = api_usage.run_id
    where run.started_at > :now - cast(:usually as interval)
),

shares as (
    select
        account,
        coalesce(sum(calls) filter (where is_new and code is not null), 0) as unknown,
        coalesce(sum(calls) filter (where is_new), 0) as calls,
        coalesce(sum(calls) filter (where not is_new and code is not null), 0) as usually_unknown,
        coalesce(sum(calls) filter (where not is_new), 0) as usual_calls,
        string_agg(distinct code, ', ' order by code) filter (where is_new) as codes
    from usage
    group by account
)

select
    'unknown_codes' as kind,
    account,
    account as subject,
    'warning' as severity,
    format('%s of %s answers of a day hold unknown codes: %s', unknown, calls, codes) as detail
from shares
where
    unknown >= :fewest_unknown
    and unknown > :most_unknown_codes * calls
    and (usual_calls = 0 or unknown * usual_calls > 2 * usually_unknown * calls);


-- name: unknown_texts
-- Accounts with more scans of the last day whose text is not read surely than usual.
with scans as (
    select
        shipment.account,
        trace_event.fetched_at > :now - cast(:lately as interval) as is_new,
        (trace_event.status = 'unknown' or trace_event.decided_by = 'model?')
        and trace_event.decided_by not in ('action', 'owner') as is_unsure
    from tracking.trace_event
    inner join tracking.shipment on trace_event.shipment_id = shipment.shipment_id
    where trace_event.fetched_at > :now - cast(:usually as interval)
),

shares as (
    select
        account,
        count(*) filter (where is_new and is_unsure) as unsure,
        count(*) filter (where is_new) as scans,
        count(*) filter (where not is_new and is_unsure) as usually_unsure,
        count(*) filter (where not is_new) as usual_scans
    from scans
    group by account
)

select
    'unknown_texts' as kind,
    account,
    account as subject,
    'warning' as severity,
    format('%s of %s texts of a day are not read surely', unsure, scans) as detail
from shares
where
    unsure >= :fewest_unknown
    and unsure > :most_unknown_texts * scans
    and (usual_scans = 0 or unsure * usual_scans > 2 * usually_unsure * scans);


-- name: quarantined_replies
-- Accounts with open orders whose reply cannot be loaded, no newer one being loaded since.
select
    'quarantined_replies' as kind,
    tracked_order.account,
    tracked_order.account as subject,
    'warning' as severity,
    format(
        '%s replies cannot be loaded, such as of order %s: %s',
        count(*),
        min(tracked_order.platform_order_id),
        min(trace_reply.last_error)
    ) as detail
from tracking.trace_reply
inner join tracking.tracked_order on trace_reply.order_id = tracked_order.order_id
where
    trace_reply.quarantined_at is not null
    and tracked_order.closed_at is null
    and not exists (
        select 1
        from tracking.trace_reply as newer
        where
            newer.order_id = trace_reply.order_id
            and newer.reply_id > trace_reply.reply_id
            and newer.loaded_at is not null
    )
group by tracked_order.account;


-- name: closures_refused
-- The last run that looked for orders to close refused to.
select
    'closures_refused' as kind,
    cast(null as text) as account,
    'erp_db' as subject,
    'warning' as severity,
    closures_refused as detail
from (
    select closures_refused
    from tracking.run
    where
        closures_refused is not null
        and started_at <= :now
    order by started_at desc
    limit 1
) as last_look
where closures_refused <> '';


-- name: quality
-- Checks of the warehouse that are violated or cannot run.
select
    'quality' as kind,
    cast(null as text) as account,
    check_name as subject,
    case when severity = 'error' and error is null then 'critical' else 'warning' end as severity,
    coalesce(
        error, format('%s rows violate it (%s), such as %s', violations, meaning, first_rows)
    ) as detail
from tracking.quality_check
where
    violations > 0
    or error is not null;


-- name: carrier_silent
-- Carriers whose parcels stopped moving together.
select
    'carrier_silent' as kind,
    cast(null as text) as account,
    coalesce(carrier_name, carrier_code) as subject,
    'warning' as severity,
    format(
        '%s of its %s parcels in transit have had no scan for long%s, such as %s; they give no '
        'alarms of their own meanwhile',
        quiet,
        moving,
        case
            when usual_share is not null
                then format(' (usually %s %%)', round(cast(100 * usual_share as numeric)))
            else ''
        end,
        examples
    ) as detail
from tracking.silent_carrier;
