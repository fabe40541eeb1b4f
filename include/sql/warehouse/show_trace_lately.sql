-- How many rows the ERP took the trace of since a time.
select count(*)
from tracking.erp_row
where
    shown_at >= :since
    and (cast(:only_account as text) is null or account = :only_account)
