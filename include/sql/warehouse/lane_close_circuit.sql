-- The account is let in again.
delete from tracking.circuit
where account = :account
