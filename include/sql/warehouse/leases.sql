-- name: take
-- The given rows that nobody holds are leased to the owner, each under a new fencing token.
update tracking.:leased_table
set
    lease_owner = :owner,
    lease_until = clock_timestamp() + :lease,
    lease_token = lease_token + 1
where
    :leased_id = any(:ids)
    and tracking.is_free(lease_until)
returning
    :leased_id as id,
    lease_token as token;


-- name: fence
-- The given rows whose fencing token is still the given one, locked until the transaction ends.
-- Of live leases only those count that the owner holds and that did not run out, since what was
-- learned under a lease that ended may be old by now.
select leased.:leased_id as id
from tracking.:leased_table as leased
inner join
    unnest(cast(:ids as bigint[]), cast(:tokens as bigint[])) as given (id, token)
    on
        leased.:leased_id = given.id
        and leased.lease_token = given.token
where
    not :only_live
    or (leased.lease_owner = :owner and leased.lease_until >= clock_timestamp())
order by leased.:leased_id
for update of leased;


-- name: owned
-- What is leased to the owner, locked until the transaction ends.
select :leased_id as id
from tracking.:leased_table
where lease_owner = :owner
order by :leased_id
for update;


-- name: extend
-- The given rows are leased for another length of time.
update tracking.:leased_table
set lease_until = clock_timestamp() + :lease
where :leased_id = any(:ids);


-- name: free
-- Nobody holds the given rows.
update tracking.:leased_table
set
    lease_owner = null,
    lease_until = null
where :leased_id = any(:ids);
