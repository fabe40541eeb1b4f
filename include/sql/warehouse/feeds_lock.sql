-- The account's feed is locked until the transaction ends, before any of its orders: whoever
-- changes both does so in this order.
select account
from tracking.feed
where account = :account
for update
