-- A batch of the runs that began before the time given is gone, with their calls.
with page as (
    select run.run_id
    from tracking.run
    where
        run.started_at < :before
        and run.run_id > coalesce(cast(:after as text), '')
    order by run.run_id
    limit :most
),

calls as (
    delete from tracking.api_usage
    using page
    where api_usage.run_id = page.run_id
),

pruned as (
    delete from tracking.run
    using page
    where run.run_id = page.run_id
    returning run.run_id
)

select
    (select count(*) from pruned) as runs,
    max(page.run_id) as last
from page
