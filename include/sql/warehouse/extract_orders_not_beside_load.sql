-- Nobody loads until this transaction ends.
select pg_advisory_xact_lock(hashtext('shipment_tracking.orders'))
