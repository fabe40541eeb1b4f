-- name: lock
-- Nobody else loads or changes the ERP's rows here until this transaction ends: two that meet at
-- the same rows, or at a new shared parcel, would wait for each other.
select pg_advisory_xact_lock(hashtext('shipment_tracking.orders'));
