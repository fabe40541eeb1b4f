-- name: read_only
-- The transaction changes nothing and ends a statement that takes too long.
select
    set_config('transaction_read_only', 'on', true) as read_only,
    set_config('statement_timeout', :timeout, true) as timeout;


-- name: keep
-- Each check has its newest result, with since when it is violated or cannot run; checks that are
-- gone have none.
with result as (
    select
        given.*
    from
        jsonb_to_recordset(cast(:results as jsonb))
            as given (
                check_name text,
                severity text,
                meaning text,
                violations bigint,
                first_rows text,
                error text
            )
),

gone as (
    delete from tracking.quality_check
    where
        not exists (
            select 1
            from result
            where result.check_name = quality_check.check_name
        )
)

insert into tracking.quality_check as known (
    check_name, severity, meaning, violations, first_rows, error, checked_at, since
)
select
    result.check_name,
    result.severity,
    result.meaning,
    result.violations,
    result.first_rows,
    result.error,
    :now as checked_at,
    case
        when result.violations > 0 or result.error is not null then cast(:now as timestamptz)
    end as since
from result
order by check_name
on conflict (check_name) do update
    set
        severity = excluded.severity,
        meaning = excluded.meaning,
        violations = excluded.violations,
        first_rows = excluded.first_rows,
        error = excluded.error,
        checked_at = excluded.checked_at,
        since = case when excluded.since is not null then coalesce(known.since, excluded.since) end;
