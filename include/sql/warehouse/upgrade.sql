-- name: lock
-- No other run upgrades the schema until this transaction ends.
select pg_advisory_xact_lock(hashtext('shipment_tracking.create_tables'));


-- name: version
-- Which schema version is in place; null when the schema has none, no row when it is missing.
select obj_description(oid, 'pg_namespace') as version
from pg_namespace
where nspname = 'tracking';
