-- The account failed as a whole: its next lane asks for a single order first.
insert into tracking.circuit as circuit (account, opened_at, failures, reason)
values (:account, clock_timestamp(), 1, :reason)
on conflict (account) do update
    set
        failures = circuit.failures + 1,
        reason = excluded.reason
