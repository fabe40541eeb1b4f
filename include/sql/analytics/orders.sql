-- One row per ERP row, with the progress of the order it belongs to.
create or replace view analytics.orders as
select
    erp_row.erp_key,
    erp_row.platform,
    erp_row.account,
    erp_row.platform_order_id,
    erp_row.status,
    erp_row.parcels,
    erp_row.parcels_signed,
    erp_row.shipped_at,
    erp_row.signed_at,
    erp_row.first_seen_at,
    tracked_order.last_polled_at,
    tracked_order.next_poll_at,
    coalesce(
        erp_row.last_error,
        erp_row.sign_error,
        tracked_order.last_error,
        tracked_order.load_error,
        'the ERP does not show its trace: ' || erp_row.trace_error
    ) as last_error,
    erp_row.closed_at,
    erp_row.close_reason,
    erp_row.promised_at,
    (
        select status_change.detected_at
        from tracking.status_change
        where status_change.event_id = erp_row.sign_event
    ) as sign_detected_at,
    (
        select max(erp_writeback.written_at)
        from tracking.erp_writeback
        where
            erp_writeback.erp_key = erp_row.erp_key
            and erp_writeback.source_event = coalesce(erp_row.sign_event, erp_row.settled_event)
            and erp_writeback.outcome = 'signed'
    ) as written_at,
    (
        select row_eta.eta_p50
        from tracking.row_eta
        where row_eta.erp_key = erp_row.erp_key
    ) as eta_p50,
    (
        select row_eta.eta_p90
        from tracking.row_eta
        where row_eta.erp_key = erp_row.erp_key
    ) as eta_p90
from tracking.erp_row
left join tracking.tracked_order on erp_row.order_id = tracked_order.order_id;

comment on view analytics.orders is
'One row for each row of the ERP, with the progress of the order it belongs to.';
comment on column analytics.orders.erp_key is 'the ERP''s key';
comment on column analytics.orders.platform is '1688, taobao or tmall';
comment on column analytics.orders.account is 'the id of the account''s connection';
comment on column analytics.orders.platform_order_id is 'the platform''s id of the order';
comment on column analytics.orders.status is
'shipment status of the order; signed if and only if signed_at is set: pending, '
'info_received, picked_up, in_transit, out_for_delivery, ready_for_pickup, signed, '
'delivery_failed, returning, returned, exception, cancelled, unknown';
comment on column analytics.orders.parcels is
'parcels that count: neither cancelled nor superseded';
comment on column analytics.orders.parcels_signed is 'of these, signed and confirmed';
comment on column analytics.orders.shipped_at is 'as the ERP says';
comment on column analytics.orders.signed_at is
'time of the last signature, once all parcels are signed';
comment on column analytics.orders.first_seen_at is 'when the row was first read';
comment on column analytics.orders.last_polled_at is
'when the platform was last asked for its traces';
comment on column analytics.orders.next_poll_at is 'when it is polled next; null: not scheduled';
comment on column analytics.orders.last_error is
'what is wrong, and what to do; null when all is well';
comment on column analytics.orders.closed_at is 'since when it is no longer tracked';
comment on column analytics.orders.close_reason is
'why it was closed: signed, left_erp, gave_up, too_old, stopped';
comment on column analytics.orders.promised_at is
'by when the ERP promised the delivery, if extract_orders.sql returns it; a day counts '
'until its end';
comment on column analytics.orders.sign_detected_at is
'when a run found the signature that made it signed; null once its parcels are pruned';
comment on column analytics.orders.written_at is
'when the ERP took our signature; null: it did not, or had one already';
comment on column analytics.orders.eta_p50 is
'when half of the orders like this one are signed; null: not known, or not on its way';
comment on column analytics.orders.eta_p90 is 'the same for nine tenths of them';
