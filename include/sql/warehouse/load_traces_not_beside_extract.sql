-- Nobody else loads or takes over the ERP's list until this transaction ends: two loads that meet
-- at a new shared parcel would wait for each other's orders.
select pg_advisory_xact_lock(hashtext('shipment_tracking.orders'))
