-- No other run upgrades the schema until this transaction ends.
select pg_advisory_xact_lock(hashtext('shipment_tracking.create_tables'))
