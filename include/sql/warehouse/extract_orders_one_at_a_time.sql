-- No other run takes over the ERP's list and nobody loads until this transaction ends.
select pg_advisory_xact_lock(hashtext('shipment_tracking.orders'))
