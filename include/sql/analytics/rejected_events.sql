-- One row per step of a platform's reply that cannot be a trace event, and why; all else of its
-- reply was loaded.
create or replace view analytics.rejected_events as
select
    tracked_order.account,
    tracked_order.platform_order_id,
    rejected_event.consignment_id,
    rejected_event.waybill_no,
    rejected_event.occurred_at_text,
    rejected_event.description,
    rejected_event.reason,
    rejected_event.fetched_at,
    (
        select min(erp_row.erp_key)
        from tracking.erp_row
        where erp_row.order_id = tracked_order.order_id
    ) as erp_key
from tracking.rejected_event
inner join tracking.tracked_order on rejected_event.order_id = tracked_order.order_id
where rejected_event.readable_since is null;

comment on view analytics.rejected_events is
'One row for each step of a reply that cannot be a scan. All else of its reply was '
'loaded.';
comment on column analytics.rejected_events.account is 'the id of the account''s connection';
comment on column analytics.rejected_events.platform_order_id is
'the platform''s id of the order';
comment on column analytics.rejected_events.consignment_id is
'the platform''s id of the parcel; a router''s is carrier:waybill, or the order''s id';
comment on column analytics.rejected_events.waybill_no is
'the waybill number; null while unknown';
comment on column analytics.rejected_events.occurred_at_text is
'its time as the platform prints it';
comment on column analytics.rejected_events.description is 'its text, masked';
comment on column analytics.rejected_events.reason is
'why, for example no time, no text and no action or says that no trace is known';
comment on column analytics.rejected_events.fetched_at is 'when it was fetched';
comment on column analytics.rejected_events.erp_key is
'the ERP''s key of the order; of several the first';
