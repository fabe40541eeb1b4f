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
returning stored_at
