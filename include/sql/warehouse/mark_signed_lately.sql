-- How many rows were signed at the ERP by other runs since a time.
select count(*)
from tracking.erp_writeback
where
    written_at >= :since
    and run_id <> :run_id
    and (cast(:only_account as text) is null or account = :only_account)
