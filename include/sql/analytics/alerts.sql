-- One row per trouble of the pipeline itself; open while cleared_at is null.
create or replace view analytics.alerts as
select
    alert.alert_id,
    alert.kind,
    alert.account,
    alert.subject,
    alert.severity,
    alert.opened_at,
    alert.cleared_at,
    alert.told_at,
    alert.detail
from tracking.alert
