-- The order shows where its parcels are. Only trace columns are written, never the stamp: what
-- people edit stays theirs.
update erp_order
set
    logistics_status = :status,
    waybill_nos = substr(:waybill_nos, 1, 255),
    latest_trace = substr(:latest_trace, 1, 500),
    latest_trace_at = :latest_trace_at
where
    order_no = :erp_key
    and status in ('SHIPPED', 'SIGNED')
