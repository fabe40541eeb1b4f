-- Every change of a parcel's status; announced: a notice of it was written to be sent.
create or replace view analytics.status_changes as
select
    tracked_order.platform,
    shipment.account,
    tracked_order.platform_order_id,
    shipment.consignment_id,
    shipment.waybill_no,
    status_change.from_status,
    status_change.to_status,
    status_change.occurred_at,
    status_change.detected_at,
    exists(
        select 1
        from tracking.notification
        where
            notification.event_id = status_change.event_id
            and notification.state <> 'suppressed'
    ) as announced,
    shipment.shipment_id,
    status_change.occurred_at < order_shipment.first_seen_at as first_sight,
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
from tracking.status_change
inner join tracking.shipment on status_change.shipment_id = shipment.shipment_id
inner join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id;

comment on view analytics.status_changes is 'Every change of a parcel''s status.';
comment on column analytics.status_changes.platform is '1688, taobao or tmall';
comment on column analytics.status_changes.account is 'the id of the account''s connection';
comment on column analytics.status_changes.platform_order_id is 'the platform''s id of the order';
comment on column analytics.status_changes.consignment_id is
'the platform''s id of the parcel; a router''s is carrier:waybill, or the order''s id';
comment on column analytics.status_changes.waybill_no is 'the waybill number; null while unknown';
comment on column analytics.status_changes.from_status is 'status before';
comment on column analytics.status_changes.to_status is 'status after';
comment on column analytics.status_changes.occurred_at is
'when it happened, by the scan or the platform''s status';
comment on column analytics.status_changes.detected_at is 'when a run found it';
comment on column analytics.status_changes.announced is 'a notice of it was written to be sent';
comment on column analytics.status_changes.shipment_id is
'our id of the parcel, the same in all views';
comment on column analytics.status_changes.first_sight is
'it happened before we knew the parcel: its delay is not ours';
comment on column analytics.status_changes.erp_key is
'the ERP''s key of the order; where several rows belong to it, the one with this waybill '
'number, else the first';
