-- The outbox, newest state of each notice; a shared parcel's notice names its first order.
create or replace view analytics.notifications as
select
    notification.event_id,
    notification.audience,
    nullif(notification.channel, '') as channel,
    shipment.account,
    first_order.platform_order_id,
    shipment.consignment_id,
    shipment.waybill_no,
    notification.reason,
    notification.state,
    notification.attempts,
    notification.created_at,
    notification.sent_at,
    notification.last_error,
    notification.shipment_id,
    first_order.erp_key
from tracking.notification
inner join tracking.shipment on notification.shipment_id = shipment.shipment_id
left join lateral (
    select
        tracked_order.platform_order_id,
        (
            select min(erp_row.erp_key)
            from tracking.erp_row
            where erp_row.order_id = tracked_order.order_id
        ) as erp_key
    from tracking.order_shipment
    inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
    where order_shipment.shipment_id = shipment.shipment_id
    order by tracked_order.order_id
    limit 1
) as first_order on true;

comment on view analytics.notifications is
'The outbox: each notice with its newest state. The notice of a shared parcel names its '
'first order.';
comment on column analytics.notifications.event_id is 'as in the message; an alarm''s is its own';
comment on column analytics.notifications.audience is
'audience: ops, customers or an account; all while it is not addressed';
comment on column analytics.notifications.channel is
'name of the channel; null while it is not addressed';
comment on column analytics.notifications.account is 'the id of the account''s connection';
comment on column analytics.notifications.platform_order_id is 'the platform''s id of the order';
comment on column analytics.notifications.consignment_id is
'the platform''s id of the parcel; a router''s is carrier:waybill, or the order''s id';
comment on column analytics.notifications.waybill_no is 'the waybill number; null while unknown';
comment on column analytics.notifications.reason is
'the new status, stalled:<stage> or cleared:<stage>; of a suppressed notice the reason of'
' the notice not being sent';
comment on column analytics.notifications.state is
'state of the notice: pending, sent, dead, suppressed';
comment on column analytics.notifications.attempts is 'tries so far, the successful one included';
comment on column analytics.notifications.created_at is 'when it was written';
comment on column analytics.notifications.sent_at is 'when the receiver took it';
comment on column analytics.notifications.last_error is
'why the last try failed, or why the buyer cannot be notified';
comment on column analytics.notifications.shipment_id is
'our id of the parcel, the same in all views; null: the notice is about an alert';
comment on column analytics.notifications.erp_key is
'the ERP''s key of that order; of several the first';
