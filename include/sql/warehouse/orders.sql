-- name: lock
-- No other run reads the ERP's list until this transaction ends: what it finds is never older than
-- what the warehouse holds.
select pg_advisory_xact_lock(hashtext('shipment_tracking.extract'));


-- name: stage
-- There is an empty stage for the ERP's rows, gone when the transaction ends.
create temporary table incoming_row (
    erp_key text not null,
    platform text,
    account text,
    platform_order_id text,
    waybill_no text,
    shipped_at timestamptz,
    priority smallint not null,
    erp_stamp text,
    promised_at timestamptz,
    refusal text
) on commit drop;


-- name: copy
-- The stage holds the ERP's rows.
copy incoming_row (
    erp_key,
    platform,
    account,
    platform_order_id,
    waybill_no,
    shipped_at,
    priority,
    erp_stamp,
    promised_at,
    refusal
) from stdin;


-- name: due
-- The accounts with work, and how many of their orders are due; a backfill has its interval's. An
-- account with open orders and a feed has its feed to be read.
with due as (
    select
        account,
        count(*) as orders
    from tracking.tracked_order
    where
        (cast(:only_account as text) is null or account = :only_account)
        and case
            when :backfill
                then
                    backfill_at <= :now
                    and exists (
                        select 1
                        from tracking.erp_row
                        where
                            erp_row.order_id = tracked_order.order_id
                            and erp_row.shipped_at >= :shipped_from
                            and erp_row.shipped_at < :shipped_to
                    )
            else
                tracked_order.closed_at is null
                and (priority > 0 or not :only_high_priority)
                and (
                    ask_parcels_at <= :now
                    or (parcels_asked_at is not null and next_poll_at <= :now)
                )
        end
    group by account
),

fed as (
    select feed.account
    from tracking.feed
    where
        not :backfill
        and not :only_high_priority
        and (cast(:only_account as text) is null or feed.account = :only_account)
        and exists (
            select 1
            from tracking.tracked_order
            where
                tracked_order.account = feed.account
                and tracked_order.closed_at is null
        )
)

select
    coalesce(due.account, fed.account) as account,
    coalesce(due.orders, 0) as orders
from due
full join fed on due.account = fed.account
order by account;


-- name: refuse_duplicates
-- Of an erp_key that came more than once one row stays, and it is refused.
with repeated as (
    select
        erp_key,
        count(*) as times,
        min(ctid) as kept
    from incoming_row
    group by erp_key
    having count(*) > 1
),

dropped as (
    delete from incoming_row
    using repeated
    where
        incoming_row.erp_key = repeated.erp_key
        and incoming_row.ctid <> repeated.kept
)

update incoming_row
set
    refusal
    = 'erp_key ' || repeated.erp_key || ' came ' || repeated.times || ' times; it must be unique'
from repeated
where incoming_row.ctid = repeated.kept;


-- name: add_orders
-- Every order of the stage is known; a new one is due for its parcels at once, and one that has
-- become urgent for what it waited for.
with wanted as (
    select
        platform,
        account,
        platform_order_id,
        max(priority) as priority
    from incoming_row
    where refusal is null
    group by
        platform,
        account,
        platform_order_id
)

insert into tracking.tracked_order as known (
    platform, account, platform_order_id, priority, first_seen_at, ask_parcels_at
)
select
    wanted.platform,
    wanted.account,
    wanted.platform_order_id,
    wanted.priority,
    :now as first_seen_at,
    :now as ask_parcels_at
from wanted
left join tracking.tracked_order
    on
        wanted.platform = tracked_order.platform
        and wanted.account = tracked_order.account
        and wanted.platform_order_id = tracked_order.platform_order_id
where
    tracked_order.order_id is null
    or tracked_order.priority <> wanted.priority
on conflict (platform, account, platform_order_id) do update
    set
        priority = excluded.priority,
        next_poll_at = case
            when excluded.priority > known.priority and known.next_poll_at > :now then :now
            else known.next_poll_at
        end,
        ask_parcels_at = case
            when
                excluded.priority > known.priority
                and known.parcels_asked_at is null
                and known.ask_parcels_at > :now
                then :now
            else known.ask_parcels_at
        end;


-- name: move_rows
-- Rows that stand for another order or parcel than before begin anew: what was known of the former
-- one says nothing of theirs. A waybill number that is only written otherwise is the same. Those
-- in the list are open again. A sign that was settled is not settled again for the same order.
update tracking.erp_row as known
set
    status = 'pending',
    parcels = 0,
    parcels_signed = 0,
    signed_at = null,
    sign_kind = null,
    sign_event = null,
    settled_event = case
        when known.order_id = tracked_order.order_id then known.settled_event
    end,
    latest_trace = null,
    latest_trace_at = null,
    waybill_nos = null,
    trace_changed = true,
    closed_at = case when not :listed then known.closed_at end,
    close_reason = case when not :listed then known.close_reason end
from incoming_row as incoming
inner join tracking.tracked_order
    on
        incoming.platform = tracked_order.platform
        and incoming.account = tracked_order.account
        and incoming.platform_order_id = tracked_order.platform_order_id
where
    incoming.refusal is null
    and known.erp_key = incoming.erp_key
    and known.order_id is not null
    and (known.order_id, known.waybill_no)
    is distinct from (tracked_order.order_id, incoming.waybill_no)
    and (known.order_id, tracking.fold_waybill(known.waybill_no))
    is distinct from (tracked_order.order_id, tracking.fold_waybill(incoming.waybill_no));


-- name: take_rows
-- Every row of the stage stands in erp_row as the ERP has it; equal ones were not touched. One that
-- cannot be tracked still stands for the order and the parcel it stood for. A row that comes back
-- to the list is open again, and so is one that was given up and changed; one that only a backfill
-- saw is closed from birth.
-- What could not be written because somebody had edited or closed the row may be tried again.
with changed as (
    select
        incoming.*,
        tracked_order.order_id
    from incoming_row as incoming
    left join tracking.tracked_order
        on
            incoming.refusal is null
            and incoming.platform = tracked_order.platform
            and incoming.account = tracked_order.account
            and incoming.platform_order_id = tracked_order.platform_order_id
    left join tracking.erp_row as known on incoming.erp_key = known.erp_key
    where
        known.erp_key is null
        or (:listed and not known.listed)
        or incoming.refusal is distinct from known.last_error
        or (
            incoming.refusal is null
            and (
                tracked_order.order_id,
                incoming.waybill_no,
                incoming.shipped_at,
                incoming.priority,
                incoming.erp_stamp,
                incoming.promised_at
            ) is distinct from (
                known.order_id,
                known.waybill_no,
                known.shipped_at,
                known.priority,
                known.erp_stamp,
                known.promised_at
            )
        )
),

taken as (
    insert into tracking.erp_row as known (
        erp_key,
        order_id,
        platform,
        account,
        platform_order_id,
        waybill_no,
        shipped_at,
        priority,
        erp_stamp,
        promised_at,
        listed,
        first_seen_at,
        closed_at,
        close_reason,
        last_error
    )
    select
        changed.erp_key,
        changed.order_id,
        changed.platform,
        changed.account,
        changed.platform_order_id,
        changed.waybill_no,
        changed.shipped_at,
        changed.priority,
        changed.erp_stamp,
        changed.promised_at,
        :listed,
        :now,
        case when not :listed then cast(:now as timestamptz) end,
        case when not :listed then 'left_erp' end,
        changed.refusal
    from changed
    on conflict (erp_key) do update
        set
            order_id = coalesce(excluded.order_id, known.order_id),
            platform = coalesce(excluded.platform, known.platform),
            account = coalesce(excluded.account, known.account),
            platform_order_id = coalesce(excluded.platform_order_id, known.platform_order_id),
            waybill_no = case
                when excluded.last_error is null then excluded.waybill_no
                else known.waybill_no
            end,
            shipped_at = excluded.shipped_at,
            priority = excluded.priority,
            erp_stamp = excluded.erp_stamp,
            promised_at = excluded.promised_at,
            listed = known.listed or excluded.listed,
            closed_at = case
                when not excluded.listed then known.closed_at
                when not known.listed then null
                when
                    known.close_reason = 'gave_up'
                    and excluded.erp_stamp is distinct from known.erp_stamp
                    then null
                else known.closed_at
            end,
            close_reason = case
                when not excluded.listed then known.close_reason
                when not known.listed then null
                when
                    known.close_reason = 'gave_up'
                    and excluded.erp_stamp is distinct from known.erp_stamp
                    then null
                else known.close_reason
            end,
            settled_event = case
                when
                    excluded.listed
                    and (not known.listed or excluded.erp_stamp is distinct from known.erp_stamp)
                    and exists (
                        select 1
                        from tracking.erp_writeback
                        where
                            erp_writeback.erp_key = known.erp_key
                            and erp_writeback.source_event = known.settled_event
                            and erp_writeback.outcome in ('changed', 'gone')
                    )
                    then null
                else known.settled_event
            end,
            trace_changed
            = known.trace_changed
            or (
                excluded.listed
                and (not known.listed or excluded.erp_stamp is distinct from known.erp_stamp)
            ),
            last_error = excluded.last_error
    returning known.order_id
)

update tracking.shipment
set unsettled = true
from taken
inner join tracking.order_shipment on taken.order_id = order_shipment.order_id
where
    shipment.shipment_id = order_shipment.shipment_id
    and not shipment.unsettled;


-- name: want_backfill
-- Every order of the stage waits to be polled by the backfill, unless it was polled just now; one
-- without known parcels is due to be asked for them.
with known as (
    select distinct tracked_order.order_id
    from incoming_row as incoming
    inner join tracking.tracked_order
        on
            incoming.platform = tracked_order.platform
            and incoming.account = tracked_order.account
            and incoming.platform_order_id = tracked_order.platform_order_id
    where incoming.refusal is null
),

wanted as (
    update tracking.tracked_order
    set
        backfill_at = :now,
        ask_parcels_at = case
            when tracked_order.parcels_asked_at is null then :now
            else tracked_order.ask_parcels_at
        end
    from known
    where
        tracked_order.order_id = known.order_id
        and (
            tracked_order.last_polled_at is null
            or tracked_order.last_polled_at <= :now - :min_spacing
        )
    returning tracked_order.order_id
)

select
    (select count(*) from known) as orders,
    (select count(*) from wanted) as to_poll;


-- name: leaving
-- How many open rows that were tracked the stage no longer holds, how many are open, and how many
-- rows that can be tracked it holds. A row whose parcels are all signed is expected to leave, and a
-- row that was never tracked may.
select
    count(*) filter (where incoming.erp_key is null and erp_row.sign_event is null) as leaving,
    count(*) as open,
    (
        select count(*) from incoming_row
        where refusal is null
    ) as listed
from tracking.erp_row
left join incoming_row as incoming on erp_row.erp_key = incoming.erp_key
where
    erp_row.listed
    and erp_row.closed_at is null
    and erp_row.order_id is not null;


-- name: close_rows
-- Rows that the stage no longer holds have left the list; those that were open are closed.
update tracking.erp_row
set
    listed = false,
    closed_at = coalesce(erp_row.closed_at, :now),
    close_reason = coalesce(
        erp_row.close_reason,
        case when erp_row.sign_event is null then 'left_erp' else 'signed' end
    )
where
    erp_row.listed
    and not exists (
        select 1
        from incoming_row
        where incoming_row.erp_key = erp_row.erp_key
    );


-- name: give_up
-- The unsigned rows of orders that no rule polls any more are closed, and their orders say why;
-- not while something that was found is still to be loaded or judged.
with quiet as (
    select
        tracked_order.order_id,
        tracked_order.quiet_since
    from tracking.tracked_order
    where
        tracked_order.quiet_since is not null
        and tracked_order.closed_at is null
        and not exists (
            select 1
            from tracking.trace_reply
            where
                trace_reply.order_id = tracked_order.order_id
                and trace_reply.loaded_at is null
                and trace_reply.quarantined_at is null
        )
        and not exists (
            select 1
            from tracking.order_shipment
            inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
            where
                order_shipment.order_id = tracked_order.order_id
                and shipment.unsettled
        )
),

closed as (
    update tracking.erp_row
    set
        closed_at = :now,
        close_reason = 'gave_up'
    from quiet
    where
        erp_row.order_id = quiet.order_id
        and erp_row.closed_at is null
        and erp_row.signed_at is null
)

update tracking.tracked_order
set
    last_error
    = 'gave up: nothing new since '
    || to_char(quiet.quiet_since at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
from quiet
where tracked_order.order_id = quiet.order_id;


-- name: open_orders
-- Orders with an open row are open; one that was closed is due at once.
update tracking.tracked_order
set
    closed_at = null,
    reopened_at = :now,
    quiet_since = null,
    ask_parcels_at = :now,
    next_poll_at = :now
where
    tracked_order.order_id = any(
        array(
            select erp_row.order_id
            from tracking.erp_row
            where erp_row.closed_at is null
            except
            select open_order.order_id
            from tracking.tracked_order as open_order
            where open_order.closed_at is null
        )
    );


-- name: close_orders
-- Orders without an open row are closed: nobody polls them.
update tracking.tracked_order
set closed_at = :now
where
    tracked_order.closed_at is null
    and not exists (
        select 1
        from tracking.erp_row
        where
            erp_row.order_id = tracked_order.order_id
            and erp_row.closed_at is null
    );


-- name: quiet_closed
-- Parcels that serve no open order any more have no open stall, and no notice waiting unless an
-- order was closed because it is signed: that is still told.
with finished as (
    select
        parcel.shipment_id,
        not exists (
            select 1
            from tracking.order_shipment as link
            inner join tracking.erp_row on link.order_id = erp_row.order_id
            where
                link.shipment_id = parcel.shipment_id
                and erp_row.close_reason = 'signed'
        ) as nobody_cares
    from (
        select distinct order_shipment.shipment_id
        from tracking.tracked_order
        inner join tracking.order_shipment on tracked_order.order_id = order_shipment.order_id
        where tracked_order.closed_at = :now
    ) as parcel
    where
        not exists (
            select 1
            from tracking.order_shipment as link
            inner join tracking.tracked_order on link.order_id = tracked_order.order_id
            where
                link.shipment_id = parcel.shipment_id
                and tracked_order.closed_at is null
        )
),

standing as (
    select stall.stall_id
    from tracking.stall
    inner join finished on stall.shipment_id = finished.shipment_id
    where stall.cleared_at is null
    order by stall.shipment_id, stall.stall_id
    for update of stall
),

cleared as (
    update tracking.stall
    set cleared_at = :now
    from standing
    where stall.stall_id = standing.stall_id
),

waiting as (
    select notification.notification_id
    from tracking.notification
    inner join finished on notification.shipment_id = finished.shipment_id
    where
        notification.state = 'pending'
        and finished.nobody_cares
    order by notification.notification_id
    for update of notification
)

update tracking.notification
set
    state = 'suppressed',
    reason = 'closed'
from waiting
where
    notification.notification_id = waiting.notification_id
    and notification.state = 'pending';
