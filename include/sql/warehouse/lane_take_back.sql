-- Nothing of this account is leased to the owner any more.
update tracking.tracked_order
set
    lease_owner = null,
    lease_until = null
where
    account = :account
    and lease_owner = :owner
