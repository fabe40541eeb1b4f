-- One row per parcel and order: a parcel that serves two orders stands here twice.
create or replace view analytics.shipments as
select
    shipment.shipment_id,
    tracked_order.platform,
    shipment.account,
    tracked_order.platform_order_id,
    shipment.consignment_id,
    shipment.waybill_no,
    shipment.carrier_code,
    shipment.carrier_name,
    shipment.status,
    shipment.sign_kind,
    shipment.signed_at,
    shipment.first_event_at,
    shipment.last_event_at,
    shipment.last_event,
    shipment.event_count,
    shipment.picked_up_at,
    shipment.out_for_delivery_at,
    shipment.origin_city,
    shipment.last_city,
    shipment.sign_seen_at as sign_detected_at,
    shipment.sign_confirmed_at,
    order_shipment.superseded_at is not null as superseded,
    order_shipment.first_seen_at,
    (
        select erp_row.erp_key
        from tracking.erp_row
        where erp_row.order_id = order_shipment.order_id
        order by
            tracking.fold_waybill(erp_row.waybill_no)
            = tracking.fold_waybill(shipment.waybill_no) desc nulls last,
            erp_row.erp_key
        limit 1
    ) as erp_key,
    shipment_eta.eta_p50,
    shipment_eta.eta_p90,
    shipment_eta.eta_basis,
    case
        when shipment.status = 'signed' and shipment.event_count > 0
            then not exists (
                select 1
                from tracking.trace_event
                where
                    trace_event.shipment_id = shipment.shipment_id
                    and trace_event.status in (
                        'out_for_delivery', 'ready_for_pickup', 'delivery_failed'
                    )
                    and not trace_event.future_dated
                    and not trace_event.earlier_life
                    and trace_event.withdrawn_at is null
            )
    end as signed_without_delivery
from tracking.shipment
inner join tracking.order_shipment on shipment.shipment_id = order_shipment.shipment_id
inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
left join tracking.shipment_eta on shipment.shipment_id = shipment_eta.shipment_id;

comment on view analytics.shipments is
'One row for each parcel and order: a parcel that serves two orders is in two rows.';
comment on column analytics.shipments.shipment_id is
'our id of the parcel, the same in all views';
comment on column analytics.shipments.platform is '1688, taobao or tmall';
comment on column analytics.shipments.account is 'the id of the account''s connection';
comment on column analytics.shipments.platform_order_id is 'the platform''s id of the order';
comment on column analytics.shipments.consignment_id is
'the platform''s id of the parcel; a router''s is carrier:waybill, or the order''s id';
comment on column analytics.shipments.waybill_no is 'the waybill number; null while unknown';
comment on column analytics.shipments.carrier_code is
'code by carriers.csv, or as the platform says';
comment on column analytics.shipments.carrier_name is 'name, likewise';
comment on column analytics.shipments.status is
'shipment status of the parcel: pending, info_received, picked_up, in_transit, '
'out_for_delivery, ready_for_pickup, signed, delivery_failed, returning, returned, '
'exception, cancelled, unknown';
comment on column analytics.shipments.sign_kind is
'who signed: self, family, agency, station, locker, platform; text: not confirmed by the '
'platform; null unless signed';
comment on column analytics.shipments.signed_at is 'time of the signature, else of its detection';
comment on column analytics.shipments.first_event_at is 'its oldest scan';
comment on column analytics.shipments.last_event_at is 'its newest scan that counts';
comment on column analytics.shipments.last_event is 'that scan''s text, masked';
comment on column analytics.shipments.event_count is 'number of its scans';
comment on column analytics.shipments.picked_up_at is
'its first pick-up scan; null: no scan says so';
comment on column analytics.shipments.out_for_delivery_at is
'its first scan that says it is out for delivery';
comment on column analytics.shipments.origin_city is
'city where it set out; null where no scan before it first moved names one';
comment on column analytics.shipments.last_city is
'city where it was seen last, its destination once it is signed; null: no scan names a '
'city';
comment on column analytics.shipments.sign_detected_at is
'when a run first saw its present signature';
comment on column analytics.shipments.sign_confirmed_at is
'when that signature was confirmed; null: not yet';
comment on column analytics.shipments.superseded is
'the platform no longer lists it for this order; it does not count for the order';
comment on column analytics.shipments.first_seen_at is
'when it was first seen as a parcel of this order';
comment on column analytics.shipments.erp_key is
'the ERP''s key of the order; where several rows belong to it, the one with this waybill '
'number, else the first';
comment on column analytics.shipments.eta_p50 is
'when half of the parcels like this one are signed; null: not known, or not on its way';
comment on column analytics.shipments.eta_p90 is 'the same for nine tenths of them';
comment on column analytics.shipments.eta_basis is
'what both rest on: carrier, stage, number of parcels and when they were signed';
comment on column analytics.shipments.signed_without_delivery is
'signed, but no scan says that it was out for delivery or lay ready for pick-up; null: not signed, '
'or no scan is known';
