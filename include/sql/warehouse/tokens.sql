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


-- name: ensure
-- The pair has a row, on which its renewal is leased; the row is locked.
insert into tracking.token as token (pair, account)
values (:key, :account)
on conflict (pair) do update
    set account = excluded.account
returning token_id;


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
