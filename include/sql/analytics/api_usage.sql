-- Calls to the platforms by run, account, API and how they ended.
create or replace view analytics.api_usage as
select
    api_usage.run_id,
    api_usage.account,
    api_usage.api,
    api_usage.outcome,
    api_usage.calls,
    api_usage.seconds
from tracking.api_usage
