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
    alert.detail,
    alert.muted_at
from tracking.alert;

comment on view analytics.alerts is
'Every trouble of the pipeline itself; open while cleared_at is null.';
comment on column analytics.alerts.alert_id is 'its number';
comment on column analytics.alerts.kind is
'kind of alert: what is wrong; the runbook has a heading for each';
comment on column analytics.alerts.account is 'the account that it is about; null: all of them';
comment on column analytics.alerts.subject is
'what it is about: an account, a channel (audience/name), erp_db; there is one open alert'
' for each kind and subject';
comment on column analytics.alerts.severity is
'critical: something stands still; warning: it will';
comment on column analytics.alerts.opened_at is 'when a run first saw it';
comment on column analytics.alerts.cleared_at is 'when a run first saw that it is over';
comment on column analytics.alerts.told_at is
'when the first channel of notify_ops took it; null: not reported yet';
comment on column analytics.alerts.detail is 'what the last run saw of it, masked';
comment on column analytics.alerts.muted_at is
'when an editor muted it: nothing more is sent of it, not its end either; null: not muted';
