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
    erp_row.close_reason
from tracking.erp_row
left join tracking.tracked_order on erp_row.order_id = tracked_order.order_id
