-- Calls to the platforms by run, account, API and how they ended.
create or replace view analytics.api_usage as
select
    api_usage.run_id,
    api_usage.account,
    api_usage.api,
    api_usage.outcome,
    api_usage.calls,
    api_usage.seconds
from tracking.api_usage;

comment on view analytics.api_usage is 'Calls to the platforms by run, account, API and outcome.';
comment on column analytics.api_usage.run_id is 'the run';
comment on column analytics.api_usage.account is 'the id of the account''s connection';
comment on column analytics.api_usage.api is 'name of the API';
comment on column analytics.api_usage.outcome is
'ok, quota, retryable, auth, rejected, or unmapped <code>: a code that no rule knows';
comment on column analytics.api_usage.calls is 'how many';
comment on column analytics.api_usage.seconds is 'time spent in them';
