-- One row per account with a change feed: how far it was read, and what it reported and missed.
create or replace view analytics.feeds as
select
    feed.account,
    feed.feed,
    feed.cursor_at,
    feed.trusted_since,
    feed.reported,
    feed.missed,
    feed.last_error
from tracking.feed;

comment on view analytics.feeds is 'One row for each account with a change feed.';
comment on column analytics.feeds.account is 'the id of the account''s connection';
comment on column analytics.feeds.feed is 'orders or messages';
comment on column analytics.feeds.cursor_at is 'every change until then was read';
comment on column analytics.feeds.trusted_since is
'since when every reading succeeded; null: orders are polled as without a feed';
comment on column analytics.feeds.reported is 'changes of open orders that it reported';
comment on column analytics.feeds.missed is
'changes that a poll found and the feed never reported';
comment on column analytics.feeds.last_error is 'why it cannot be read';
