-- One row per act of a person on the page Shipments.
create or replace view analytics.acts as
select
    act.act_id,
    act.acted_at,
    act.actor,
    act.kind,
    tracked_order.account,
    tracked_order.platform_order_id,
    act.subject,
    act.reason
from tracking.act
left join tracking.tracked_order on act.order_id = tracked_order.order_id;

comment on view analytics.acts is
'What people did on the page Shipments: who, when, what, about what and why.';
comment on column analytics.acts.act_id is 'its number';
comment on column analytics.acts.acted_at is 'when it was done';
comment on column analytics.acts.actor is 'who did it, by the name Airflow knows them by';
comment on column analytics.acts.kind is
'what was done: poll_next, stop_tracking, resume_tracking, acknowledge_stall, requeue, '
'mute_incident';
comment on column analytics.acts.account is
'the id of the account''s connection; null: it was not about an order';
comment on column analytics.acts.platform_order_id is
'the platform''s id of the order, likewise';
comment on column analytics.acts.subject is
'the order, the waybill number and stage of the stall, the notice or the carrier';
comment on column analytics.acts.reason is
'what was typed as the reason, masked; empty: none was needed';
