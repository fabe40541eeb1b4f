-- Of a page of notices those are gone that were made before the time given and wait no more, if no
-- order of their parcel is open. The last one's id leads to the next page; none at the end.
with page as (
    select
        notification.notification_id,
        notification.created_at
    from tracking.notification
    where notification.notification_id > coalesce(cast(:after as bigint), 0)
    order by notification.notification_id
    limit :most
),

pruned as (
    delete from tracking.notification
    using page
    where
        notification.notification_id = page.notification_id
        and notification.created_at < :before
        and notification.state <> 'pending'
        and (
            notification.lease_until is null
            or notification.lease_until < clock_timestamp()
        )
        and not exists (
            select 1
            from tracking.order_shipment
            inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
            where
                order_shipment.shipment_id = notification.shipment_id
                and tracked_order.closed_at is null
        )
    returning notification.notification_id
)

select
    (select count(*) from pruned) as notices,
    case when min(page.created_at) < :before then max(page.notification_id) end as last
from page
