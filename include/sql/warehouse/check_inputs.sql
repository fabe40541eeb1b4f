-- name: count_rows
-- How many rows the ERP's list holds, how many of them are not tracked, and why, with examples.
select
    count(*) as listed,
    count(last_error) as untracked,
    coalesce(
        (
            array_agg('row ' || erp_key || ': ' || last_error order by erp_key)
            filter (where last_error is not null)
        )[1:3],
        '{}'
    ) as examples
from tracking.erp_row
where
    listed
    and closed_at is null;
