-- severity: error
-- No scan of a parcel stands twice among the evidence; looks at those fetched in two days.
select
    shipment_id,
    occurred_at,
    description,
    count(*) as times
from tracking.trace_event
where
    fetched_at > :now - interval '2 days'
    and withdrawn_at is null
group by
    shipment_id,
    occurred_at,
    description
having count(*) > 1
