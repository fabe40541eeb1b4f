-- How many open rows the stage no longer holds, how many are open, and how many it holds. A row
-- whose parcels are all signed is expected to leave.
select
    count(*) filter (where incoming.erp_key is null and erp_row.sign_event is null) as leaving,
    count(*) as open,
    (select count(*) from incoming_row) as listed
from tracking.erp_row
left join incoming_row as incoming on erp_row.erp_key = incoming.erp_key
where
    erp_row.listed
    and erp_row.closed_at is null
