-- name: restart
-- A replay that was finished begins anew; one that was interrupted stays where it is. Of a dry run
-- the old differences are gone.
with anew as (
    update tracking.replay
    set
        ended_at = null,
        last_order_id = 0,
        orders = 0,
        replies = 0,
        events = 0,
        not_rebuilt = 0,
        unreadable = 0,
        waiting = 0
    where
        replay.run_id = :run_id
        and replay.ended_at is not null
    returning
        replay.run_id,
        replay.dry_run
)

delete from tracking.replay_difference
using anew
where
    replay_difference.run_id = anew.run_id
    and anew.dry_run;


-- name: begin
-- The replay has its row.
insert into tracking.replay (run_id, dry_run, started_at)
values (:run_id, :dry_run, :now)
on conflict (run_id) do nothing;


-- name: progress
-- How far the replay is, and what it read.
select
    last_order_id,
    orders,
    replies,
    events,
    not_rebuilt,
    unreadable,
    waiting
from tracking.replay
where run_id = :run_id;


-- name: advance
-- The orders up to the last one are done, and what they held is counted.
update tracking.replay
set
    last_order_id = :last_order_id,
    orders = orders + :orders,
    replies = replies + :replies,
    events = events + :events,
    not_rebuilt = not_rebuilt + :not_rebuilt,
    unreadable = unreadable + :unreadable,
    waiting = waiting + :waiting
where run_id = :run_id;


-- name: finish
-- The replay is finished.
update tracking.replay
set ended_at = :now
where run_id = :run_id;


-- name: account_is_known
-- Whether an order of the account is tracked.
select exists(
    select 1
    from tracking.tracked_order
    where tracked_order.account = :account
) as is_known;


-- name: page
-- The next orders of the account that were shipped, or have a reply that was fetched, in the time.
select tracked_order.order_id
from tracking.tracked_order
where
    tracked_order.order_id > :after
    and (cast(:account as text) is null or tracked_order.account = :account)
    and (
        cast(:shipped_from as timestamptz) is null
        or exists (
            select 1
            from tracking.erp_row
            where
                erp_row.order_id = tracked_order.order_id
                and erp_row.shipped_at >= :shipped_from
                and erp_row.shipped_at < :shipped_to
        )
    )
    and (
        cast(:fetched_from as timestamptz) is null
        or exists (
            select 1
            from tracking.trace_reply
            where
                trace_reply.order_id = tracked_order.order_id
                and trace_reply.fetched_at >= :fetched_from
                and trace_reply.fetched_at < :fetched_to
        )
    )
order by tracked_order.order_id
limit :most;


-- name: settled
-- Those of the orders that no parcel of has news which the next run judges, and announces.
select given.order_id
from unnest(cast(:orders as bigint[])) as given (order_id)
where
    not exists (
        select 1
        from tracking.order_shipment
        inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
        where
            order_shipment.order_id = given.order_id
            and shipment.unsettled
    );


-- name: replies
-- The stored replies of the orders, also those that could not be loaded, and the loaded ones of
-- orders that share a parcel with them; those that are still to be loaded are left to load_traces.
select
    trace_reply.reply_id,
    trace_reply.order_id,
    tracked_order.account,
    trace_reply.dialect,
    trace_reply.fetched_at,
    trace_reply.body,
    trace_reply.announce,
    trace_reply.loaded_at is null as is_quarantined,
    tracked_order.platform_order_id
from tracking.trace_reply
inner join tracking.tracked_order on trace_reply.order_id = tracked_order.order_id
where
    (
        trace_reply.loaded_at is not null
        and trace_reply.order_id in (
            select unnest(cast(:orders as bigint[]))
            union
            select sharing.order_id
            from tracking.order_shipment as own
            inner join tracking.order_shipment as sharing on own.shipment_id = sharing.shipment_id
            where own.order_id = any(:orders)
        )
    )
    or (
        trace_reply.loaded_at is null
        and trace_reply.quarantined_at is not null
        and trace_reply.order_id = any(:orders)
    )
order by trace_reply.reply_id;


-- name: shipments
-- The parcels of the orders.
select distinct shipment_id
from tracking.order_shipment
where order_id = any(:orders)
order by shipment_id;


-- name: rejected
-- The steps of the orders that cannot be read.
select
    order_id,
    consignment_id,
    event_hash,
    waybill_no,
    occurred_at_text,
    description,
    reason
from tracking.rejected_event
where
    order_id = any(:orders)
    and readable_since is null
order by
    order_id,
    consignment_id,
    event_hash;


-- name: readable
-- Steps that are read now are not rejected any more.
update tracking.rejected_event
set readable_since = :now
from
    jsonb_to_recordset(cast(:steps as jsonb))
        as step (order_id bigint, consignment_id text, event_hash bigint)
where
    rejected_event.order_id = step.order_id
    and rejected_event.consignment_id = step.consignment_id
    and rejected_event.event_hash = step.event_hash;


-- name: parcels
-- How the parcels stand, each with the first of its orders.
select
    shipment.shipment_id,
    shipment.account,
    coalesce(served.platform_order_id, '') as platform_order_id,
    shipment.waybill_no,
    shipment.status,
    shipment.signed_at
from tracking.shipment
left join lateral (
    select tracked_order.platform_order_id
    from tracking.order_shipment
    inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
    where order_shipment.shipment_id = shipment.shipment_id
    order by tracked_order.order_id
    limit 1
) as served on true
where shipment.shipment_id = any(:shipments)
order by shipment.shipment_id;


-- name: written
-- The ERP rows of the parcels that the ERP holds as signed by us, and whether they still are.
select
    erp_row.erp_key,
    tracked_order.account,
    tracked_order.platform_order_id,
    written.waybill_no,
    written.signed_at,
    erp_row.status,
    erp_row.signed_at is not null as is_signed
from tracking.erp_row
inner join tracking.tracked_order on erp_row.order_id = tracked_order.order_id
inner join tracking.erp_writeback as written
    on
        erp_row.erp_key = written.erp_key
        and erp_row.settled_event = written.source_event
        and written.waybill_no = coalesce(erp_row.waybill_no, '')
        and written.outcome in ('signed', 'already')
where
    erp_row.order_id in (
        select order_shipment.order_id
        from tracking.order_shipment
        where order_shipment.shipment_id = any(:shipments)
    )
order by erp_row.erp_key;


-- name: withheld
-- The changes of the parcels that the replay found and a poll would have announced.
select
    status_change.event_id,
    status_change.shipment_id,
    notification.from_status,
    status_change.to_status,
    status_change.occurred_at
from tracking.status_change
inner join tracking.notification on status_change.event_id = notification.event_id
where
    status_change.shipment_id = any(:shipments)
    and status_change.run_id = :run_id
    and notification.reason = 'replay'
order by status_change.event_id;


-- name: differences
-- Every difference is kept once for its run, kind and subject.
insert into tracking.replay_difference (
    run_id,
    kind,
    subject,
    account,
    platform_order_id,
    waybill_no,
    occurred_at,
    description,
    before,
    after
)
select
    :run_id,
    difference.kind,
    difference.subject,
    difference.account,
    difference.platform_order_id,
    difference.waybill_no,
    difference.occurred_at,
    difference.description,
    difference.before,
    difference.after
from
    jsonb_to_recordset(cast(:differences as jsonb))
        as difference (
            kind text,
            subject text,
            account text,
            platform_order_id text,
            waybill_no text,
            occurred_at timestamptz,
            description text,
            before text,
            after text
        )
order by
    difference.kind,
    difference.subject
on conflict (run_id, kind, subject) do nothing;


-- name: counts
-- How many differences of each kind the run found.
select
    kind,
    count(*) as found
from tracking.replay_difference
where run_id = :run_id
group by kind;


-- name: examples
-- The first differences of a kind.
select
    account,
    platform_order_id,
    waybill_no,
    occurred_at,
    description,
    before,
    after
from tracking.replay_difference
where
    run_id = :run_id
    and kind = :kind
order by
    account,
    platform_order_id,
    occurred_at,
    subject
limit :most;
