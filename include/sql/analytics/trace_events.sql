-- One row per trace event and order of its parcel; the description is masked. Events that are
-- future-dated, of an earlier life of the waybill number, or withdrawn never lead.
create or replace view analytics.trace_events as
select
    trace_event.shipment_id,
    tracked_order.platform,
    shipment.account,
    tracked_order.platform_order_id,
    shipment.consignment_id,
    shipment.waybill_no,
    trace_event.occurred_at,
    trace_event.description,
    trace_event.city,
    trace_event.action,
    trace_event.status,
    trace_event.fetched_at,
    trace_event.decided_by,
    trace_event.future_dated,
    trace_event.earlier_life,
    trace_event.withdrawn_at,
    trace_event.occurred_at < order_shipment.first_seen_at as first_sight,
    (
        select erp_row.erp_key
        from tracking.erp_row
        where erp_row.order_id = order_shipment.order_id
        order by
            tracking.fold_waybill(erp_row.waybill_no)
            = tracking.fold_waybill(shipment.waybill_no) desc nulls last,
            erp_row.erp_key
        limit 1
    ) as erp_key
from tracking.trace_event
inner join tracking.shipment on trace_event.shipment_id = shipment.shipment_id
inner join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id;

comment on view analytics.trace_events is
'One row for each scan and order of its parcel. Scans that are future-dated, of an '
'earlier life of the waybill number, or withdrawn never decide a status.';
comment on column analytics.trace_events.shipment_id is
'our id of the parcel, the same in all views';
comment on column analytics.trace_events.platform is '1688, taobao or tmall';
comment on column analytics.trace_events.account is 'the id of the account''s connection';
comment on column analytics.trace_events.platform_order_id is 'the platform''s id of the order';
comment on column analytics.trace_events.consignment_id is
'the platform''s id of the parcel; a router''s is carrier:waybill, or the order''s id';
comment on column analytics.trace_events.waybill_no is 'the waybill number; null while unknown';
comment on column analytics.trace_events.occurred_at is 'time of the scan, as the carrier says';
comment on column analytics.trace_events.description is 'its text, masked';
comment on column analytics.trace_events.city is
'city of the scan, by the reply or read from its text; null: neither names one';
comment on column analytics.trace_events.action is
'the platform''s action code, where it tells one';
comment on column analytics.trace_events.status is 'shipment status that the scan means';
comment on column analytics.trace_events.fetched_at is 'when it was first fetched';
comment on column analytics.trace_events.decided_by is
'what decided its status: action, owner, model, model? (by a narrow margin) or the id of '
'a rule';
comment on column analytics.trace_events.future_dated is
'it lies too far ahead of when it was fetched to decide a status; one printed in the '
'local time of a country east of China (6 hours at most) counts once that time has come';
comment on column analytics.trace_events.earlier_life is
'more than 48 hours older than the shipping: it belongs to an earlier parcel with this '
'number';
comment on column analytics.trace_events.withdrawn_at is
'since when the platform''s reply no longer holds it; null: it is evidence';
comment on column analytics.trace_events.first_sight is
'it happened before we knew the parcel: its delay is not ours';
comment on column analytics.trace_events.erp_key is
'the ERP''s key of the order; where several rows belong to it, the one with this waybill '
'number, else the first';
