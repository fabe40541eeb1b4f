-- The pair that follows is kept, before anybody uses it.
update tracking.token
set
    secret = :secret,
    expires_at = :expires_at,
    refresh_expires_at = :refresh_expires_at,
    stored_at = clock_timestamp()
where pair = :key
