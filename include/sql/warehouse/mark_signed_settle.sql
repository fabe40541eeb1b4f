-- The rows are done with their sign, whatever came of it, unless the write failed; those that the
-- ERP has as signed are closed.
update tracking.erp_row
set
    settled_event = found.source_event,
    closed_at = case
        when found.outcome in ('signed', 'already') then coalesce(erp_row.closed_at, :now)
        else erp_row.closed_at
    end,
    close_reason = case
        when found.outcome in ('signed', 'already') then coalesce(erp_row.close_reason, 'signed')
        else erp_row.close_reason
    end
from
    jsonb_to_recordset(cast(:outcomes as jsonb))
        as found (
            erp_key text,
            source_event uuid,
            outcome text
        )
where
    erp_row.erp_key = found.erp_key
    and erp_row.sign_event = found.source_event
    and found.outcome <> 'failed'
