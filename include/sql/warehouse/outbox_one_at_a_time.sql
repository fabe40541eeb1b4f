-- Nobody else addresses or claims notices until this transaction ends, so that each parcel's
-- notices keep their order.
select pg_advisory_xact_lock(hashtext('shipment_tracking.outbox'))
