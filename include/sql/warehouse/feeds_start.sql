-- The account's feed begins now; nothing is known of what it reported before.
insert into tracking.feed as known (account, feed, cursor_at)
values (:account, :feed, :now)
on conflict (account) do update
    set
        feed = excluded.feed,
        cursor_at = greatest(known.cursor_at, excluded.cursor_at),
        trusted_since = null
