-- A batch of the token pairs whose refresh token ended before the time given is gone, and so are
-- rows whose renewal came to nothing.
with page as (
    select token.pair
    from tracking.token
    where
        coalesce(token.refresh_expires_at, token.lease_until) < :before
        and (token.refresh_expires_at is not null or token.secret is null)
        and (token.lease_until is null or token.lease_until < clock_timestamp())
        and token.pair > coalesce(cast(:after as text), '')
    order by token.pair
    limit :most
    for update skip locked
),

pruned as (
    delete from tracking.token
    using page
    where token.pair = page.pair
    returning token.pair
)

select
    (select count(*) from pruned) as tokens,
    max(page.pair) as last
from page
