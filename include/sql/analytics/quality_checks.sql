-- One row per check of the warehouse, with what its last run found.
create or replace view analytics.quality_checks as
select
    quality_check.check_name,
    quality_check.severity,
    quality_check.meaning,
    quality_check.violations,
    quality_check.first_rows,
    quality_check.error,
    quality_check.checked_at,
    quality_check.since
from tracking.quality_check;

comment on view analytics.quality_checks is
'One row for each check of include/sql/quality, with what its last run found.';
comment on column analytics.quality_checks.check_name is 'name of its file, without .sql';
comment on column analytics.quality_checks.severity is
'error: its violation makes the run red; warning: it opens an alert only';
comment on column analytics.quality_checks.meaning is 'what should hold';
comment on column analytics.quality_checks.violations is
'rows that violate it; null: it cannot run';
comment on column analytics.quality_checks.first_rows is 'the first of these, masked';
comment on column analytics.quality_checks.error is 'why it cannot run, with file and line';
comment on column analytics.quality_checks.checked_at is 'when it was last tried';
comment on column analytics.quality_checks.since is
'since when it is violated or cannot run; null: all is well';
