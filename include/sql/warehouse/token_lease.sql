-- The right to renew the pair is the owner's, unless somebody else has it now.
insert into tracking.token as token (pair, account, lease_owner, lease_until)
values (:key, :account, :owner, clock_timestamp() + :lease)
on conflict (pair) do update
    set
        lease_owner = excluded.lease_owner,
        lease_until = excluded.lease_until
    where coalesce(token.lease_until, '-infinity') < clock_timestamp()
returning pair
