-- Which feed of the account is read, and how far.
select
    feed,
    cursor_at
from tracking.feed
where account = :account
