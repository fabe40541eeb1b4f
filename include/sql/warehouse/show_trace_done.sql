-- The rows are shown as they were written: one that has changed meanwhile is to be shown again,
-- also when somebody slower than others has just written what is old by now.
update tracking.erp_row
set
    trace_shown_at = :now,
    trace_changed
    = (erp_row.status, erp_row.latest_trace, erp_row.latest_trace_at, erp_row.waybill_nos)
    is distinct from (shown.status, shown.latest_trace, shown.latest_trace_at, shown.waybill_nos)
from
    jsonb_to_recordset(cast(:shown as jsonb))
        as shown (
            erp_key text,
            status text,
            latest_trace text,
            latest_trace_at timestamptz,
            waybill_nos text
        )
where erp_row.erp_key = shown.erp_key
