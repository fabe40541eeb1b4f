-- One row per step of a platform's reply that cannot be a trace event, and why; all else of its
-- reply was loaded.
create or replace view analytics.rejected_events as
select
    tracked_order.account,
    tracked_order.platform_order_id,
    rejected_event.consignment_id,
    rejected_event.waybill_no,
    rejected_event.occurred_at_text,
    rejected_event.description,
    rejected_event.reason,
    rejected_event.fetched_at
from tracking.rejected_event
inner join tracking.tracked_order on rejected_event.order_id = tracked_order.order_id
where rejected_event.readable_since is null
