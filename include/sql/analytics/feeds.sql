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
from tracking.feed
