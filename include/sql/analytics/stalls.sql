-- Every stall of a parcel; open while cleared_at is null.
create or replace view analytics.stalls as
select
    tracked_order.platform,
    shipment.account,
    tracked_order.platform_order_id,
    shipment.consignment_id,
    shipment.waybill_no,
    stall.stage,
    stall.since,
    stall.threshold_hours,
    stall.opened_at,
    stall.cleared_at,
    stall.alerted_at,
    shipment.shipment_id,
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
from tracking.stall
inner join tracking.shipment on stall.shipment_id = shipment.shipment_id
inner join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id;

comment on view analytics.stalls is 'Every stall of a parcel; open while cleared_at is null.';
comment on column analytics.stalls.platform is '1688, taobao or tmall';
comment on column analytics.stalls.account is 'the id of the account''s connection';
comment on column analytics.stalls.platform_order_id is 'the platform''s id of the order';
comment on column analytics.stalls.consignment_id is
'the platform''s id of the parcel; a router''s is carrier:waybill, or the order''s id';
comment on column analytics.stalls.waybill_no is 'the waybill number; null while unknown';
comment on column analytics.stalls.stage is
'stage of the stall: pickup, in_transit, out_for_delivery, ready_for_pickup, unknown, '
'exception, delivery_failed, returning, returned, sign_withdrawn';
comment on column analytics.stalls.since is 'since when nothing happened';
comment on column analytics.stalls.threshold_hours is
'after how many hours it counts; 0: at once';
comment on column analytics.stalls.opened_at is 'when it was found';
comment on column analytics.stalls.cleared_at is
'when the parcel moved again, or its order was closed';
comment on column analytics.stalls.alerted_at is 'when the first receiver took the alarm';
comment on column analytics.stalls.shipment_id is 'our id of the parcel, the same in all views';
comment on column analytics.stalls.erp_key is
'the ERP''s key of the order; where several rows belong to it, the one with this waybill '
'number, else the first';
