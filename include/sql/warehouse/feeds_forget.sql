-- The account has no feed.
delete from tracking.feed
where account = :account
