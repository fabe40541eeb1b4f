-- How many rows came to an outcome at the ERP since a time.
select count(*)
from tracking.erp_writeback
where
    outcome <> 'failed'
    and coalesce(written_at, created_at) >= :since
