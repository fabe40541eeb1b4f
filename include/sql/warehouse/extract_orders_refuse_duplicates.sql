-- Of an erp_key that came more than once one row stays, and it is refused.
with repeated as (
    select
        erp_key,
        count(*) as times,
        min(ctid) as kept
    from incoming_row
    group by erp_key
    having count(*) > 1
),

dropped as (
    delete from incoming_row
    using repeated
    where
        incoming_row.erp_key = repeated.erp_key
        and incoming_row.ctid <> repeated.kept
)

update incoming_row
set
    refusal
    = 'erp_key ' || repeated.erp_key || ' came ' || repeated.times || ' times; it must be unique'
from repeated
where incoming_row.ctid = repeated.kept
