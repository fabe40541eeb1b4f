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
    and secret is not null
