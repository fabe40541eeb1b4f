-- name: lock
-- Nobody else loads or changes the ERP's rows here until this transaction ends: two that meet at
-- the same rows, or at a new shared parcel, would wait for each other.
select pg_advisory_xact_lock(hashtext('shipment_tracking.orders'));


-- name: count
-- How many rows the ERP's list holds, how many of them are not tracked, and why, with examples.
select
    count(*) as listed,
    count(last_error) as untracked,
    coalesce(
        (
            array_agg('row ' || erp_key || ': ' || last_error order by erp_key)
            filter (where last_error is not null)
        )[1:3],
        '{}'
    ) as examples
from tracking.erp_row
where
    listed
    and closed_at is null;
