-- The feed was read at least so far; it is never read less far than before.
update tracking.feed
set cursor_at = greatest(cursor_at, :until)
where account = :account
