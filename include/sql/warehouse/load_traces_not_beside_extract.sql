-- Nobody takes over the ERP's list until this transaction ends; others may load beside it.
select pg_advisory_xact_lock_shared(hashtext('shipment_tracking.orders'))
