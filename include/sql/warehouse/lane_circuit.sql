-- Since when the account is known to fail as a whole, how often it did, and why.
select
    opened_at,
    failures,
    reason
from tracking.circuit
where account = :account
