-- name: find
-- The newest pair that followed the connection's own, encrypted.
select
    account,
    secret,
    expires_at,
    refresh_expires_at,
    stored_at
from tracking.token
where
    pair = :key
    and secret is not null;


-- name: lease
-- The right to renew the pair is the owner's, unless somebody else has it now.
insert into tracking.token as token (pair, account, lease_owner, lease_until)
values (:key, :account, :owner, clock_timestamp() + :lease)
on conflict (pair) do update
    set
        lease_owner = excluded.lease_owner,
        lease_until = excluded.lease_until
    where coalesce(token.lease_until, '-infinity') < clock_timestamp()
returning pair;


-- name: store
-- The pair that follows is kept, before anybody uses it, unless somebody else kept one since we
-- looked: a worker that stood still while asking comes too late.
update tracking.token
set
    secret = :secret,
    expires_at = :expires_at,
    refresh_expires_at = :refresh_expires_at,
    stored_at = clock_timestamp()
where
    pair = :key
    and stored_at is not distinct from :seen_at
returning stored_at;


-- name: release
-- The owner no longer has the right to renew the pair.
update tracking.token
set
    lease_owner = null,
    lease_until = null
where
    pair = :key
    and lease_owner = :owner;
