-- The audit says what came of every write. Of two runs at once the one that knows the row to be
-- signed is right, and a failure says least.
update tracking.erp_writeback
set
    outcome = found.outcome,
    detail = found.detail,
    run_id = :run_id,
    written_at = case when found.outcome = 'signed' then :now end
from
    jsonb_to_recordset(cast(:outcomes as jsonb))
        as found (
            erp_key text,
            waybill_no text,
            source_event uuid,
            outcome text,
            detail text
        )
where
    erp_writeback.erp_key = found.erp_key
    and erp_writeback.waybill_no = found.waybill_no
    and erp_writeback.source_event = found.source_event
    and (
        coalesce(erp_writeback.outcome, 'failed') = 'failed'
        or (
            erp_writeback.outcome in ('changed', 'gone')
            and found.outcome in ('signed', 'already')
        )
    )
