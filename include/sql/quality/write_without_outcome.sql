-- severity: warning
-- The outcome of every write to the ERP is known within a day.
select
    erp_key,
    created_at,
    run_id
from tracking.erp_writeback
where
    outcome is null
    and created_at < :now - interval '1 day'
