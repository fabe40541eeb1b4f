-- How many rows were shown, or found to be no longer ours, since a time.
select count(*)
from tracking.erp_row
where trace_shown_at >= :since
