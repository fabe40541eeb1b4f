-- The feed is not trusted until it is read to its end again; tells whether it was.
with before as (
    select
        feed.account,
        feed.trusted_since is not null as was_trusted
    from tracking.feed
    where feed.account = :account
    for update
)

update tracking.feed
set
    trusted_since = null,
    last_error = :reason
from before
where feed.account = before.account
returning before.was_trusted
