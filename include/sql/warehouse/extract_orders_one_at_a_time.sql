-- No other run reads the ERP's list until this transaction ends: what it finds is never older than
-- what the warehouse holds.
select pg_advisory_xact_lock(hashtext('shipment_tracking.extract'))
