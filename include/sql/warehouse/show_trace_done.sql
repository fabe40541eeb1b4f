-- The rows are shown as they were written: one that has changed meanwhile is to be shown again,
-- also when somebody slower than others has just written what is old by now. One that the ERP did
-- not take says why.
update tracking.erp_row
set
    trace_changed
    = shown.error is not null
    or (erp_row.status, erp_row.latest_trace, erp_row.latest_trace_at, erp_row.waybill_nos)
    is distinct from (shown.status, shown.latest_trace, shown.latest_trace_at, shown.waybill_nos),
    shown_at = case when shown.is_written then :now else erp_row.shown_at end,
    trace_error = shown.error
from
    jsonb_to_recordset(cast(:shown as jsonb))
        as shown (
            erp_key text,
            status text,
            latest_trace text,
            latest_trace_at timestamptz,
            waybill_nos text,
            is_written boolean,
            error text
        )
where
    erp_row.erp_key = shown.erp_key
    and (shown.error is null or erp_row.trace_error is distinct from shown.error)
