-- The owner no longer has the right to renew the pair.
update tracking.token
set
    lease_owner = null,
    lease_until = null
where
    pair = :key
    and lease_owner = :owner
