-- severity: warning
-- No order or notice is leased to a worker that should have given it back a day ago.
select
    'order ' || platform_order_id as leased,
    lease_owner,
    lease_until
from tracking.tracked_order
where
    lease_owner is not null
    and lease_until < clock_timestamp() - interval '1 day'
union all
select
    'notice ' || notification_id as leased,
    lease_owner,
    lease_until
from tracking.notification
where
    lease_owner is not null
    and lease_until < clock_timestamp() - interval '1 day'
