-- Since when the account is known to fail as a whole, and why.
select
    opened_at,
    reason
from tracking.circuit
where account = :account
