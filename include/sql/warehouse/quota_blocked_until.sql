-- Until when the platform wants no call of this app key.
select blocked_until
from tracking.api_quota
where
    gateway = :gateway
    and app_key = :app_key
    and share = 'all'
