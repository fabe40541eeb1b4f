-- One row per month in Shanghai and account: what a signed order cost in calls. An order counts
-- once, in the month of its signature, however many rows and parcels it has.
create or replace view analytics.cost_per_signed_order as
with asked as (
    select
        cast(date_trunc('month', run.started_at at time zone 'Asia/Shanghai') as date) as month,
        api_usage.account,
        sum(api_usage.calls) as calls,
        sum(api_usage.seconds) as seconds
    from tracking.api_usage
    inner join tracking.run on api_usage.run_id = run.run_id
    group by
        cast(date_trunc('month', run.started_at at time zone 'Asia/Shanghai') as date),
        api_usage.account
),

signed as (
    select
        cast(date_trunc('month', ended.signed_at at time zone 'Asia/Shanghai') as date) as month,
        ended.account,
        count(*) as orders
    from (
        select
            tracked_order.account,
            max(erp_row.signed_at) as signed_at
        from tracking.tracked_order
        inner join tracking.erp_row on tracked_order.order_id = erp_row.order_id
        group by
            tracked_order.order_id,
            tracked_order.account
        having bool_and(erp_row.signed_at is not null)
    ) as ended
    group by
        cast(date_trunc('month', ended.signed_at at time zone 'Asia/Shanghai') as date),
        ended.account
)

select
    coalesce(asked.month, signed.month) as month,
    coalesce(asked.account, signed.account) as account,
    coalesce(asked.calls, 0) as calls,
    coalesce(asked.seconds, 0) as seconds,
    coalesce(signed.orders, 0) as signed_orders,
    round(cast(coalesce(asked.calls, 0) as numeric) / signed.orders, 2) as calls_per_signed_order
from asked
full join signed
    on
        asked.month = signed.month
        and asked.account = signed.account;

comment on view analytics.cost_per_signed_order is
'One row for each month in Shanghai and account: what a signed order cost in calls. An '
'order counts once, in the month of its signature.';
comment on column analytics.cost_per_signed_order.month is 'first day of the month, in Shanghai';
comment on column analytics.cost_per_signed_order.account is
'the id of the account''s connection';
comment on column analytics.cost_per_signed_order.calls is
'calls of the runs that began in the month';
comment on column analytics.cost_per_signed_order.seconds is 'time spent in them';
comment on column analytics.cost_per_signed_order.signed_orders is
'orders of the platform all of whose ERP rows are signed';
comment on column analytics.cost_per_signed_order.calls_per_signed_order is
'calls for each of them; null: none was signed';
