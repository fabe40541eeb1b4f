-- name: stages
-- The open rows of the ERP are counted by status and by how many days ago they were shipped.
select
    status,
    count(*) filter (where shipped_at > :now - interval '1 day') as day,
    count(*) filter (
        where shipped_at <= :now - interval '1 day' and shipped_at > :now - interval '3 days'
    ) as days,
    count(*) filter (
        where shipped_at <= :now - interval '3 days' and shipped_at > :now - interval '7 days'
    ) as week,
    count(*) filter (where shipped_at <= :now - interval '7 days') as older,
    count(*) filter (where shipped_at is null) as undated,
    count(*) as total
from tracking.erp_row
where
    closed_at is null
    and (cast(:account as text) is null or account = :account)
group by status;


-- name: scopes
-- The open rows of the ERP are counted by what people have to look at; each number is that of the
-- list of the same name.
select
    count(*) as open,
    count(*) filter (
        where erp_row.order_id in (
            select order_shipment.order_id
            from tracking.stall
            inner join tracking.order_shipment on stall.shipment_id = order_shipment.shipment_id
            where stall.cleared_at is null
        )
    ) as stalled,
    count(*) filter (where erp_row.status = any(:exceptions)) as exceptions,
    count(*) filter (
        where
        coalesce(
            erp_row.last_error,
            erp_row.sign_error,
            tracked_order.last_error,
            tracked_order.load_error,
            erp_row.trace_error
        ) is not null
    ) as problems,
    count(*) filter (
        where
        tracked_order.closed_at is null
        and (
            tracked_order.ask_parcels_at <= :now
            or (
                tracked_order.parcels_asked_at is not null
                and tracked_order.next_poll_at <= :now
            )
        )
    ) as due,
    count(*) filter (
        where
        erp_row.sign_event is not null
        and erp_row.sign_event is distinct from erp_row.settled_event
    ) as unwritten,
    count(*) filter (
        where erp_row.order_id in (
            select trace_reply.order_id
            from tracking.trace_reply
            where trace_reply.loaded_at is null and trace_reply.quarantined_at is null
        )
    ) as unloaded,
    count(*) filter (
        where erp_row.order_id in (
            select trace_reply.order_id
            from tracking.trace_reply
            where trace_reply.quarantined_at is not null
        )
    ) as quarantined,
    (
        select count(*)
        from tracking.erp_row as stopped_row
        where
            stopped_row.close_reason = 'stopped'
            and (cast(:account as text) is null or stopped_row.account = :account)
    ) as stopped
from tracking.erp_row
left join tracking.tracked_order
    on
        erp_row.order_id = tracked_order.order_id
        and tracked_order.closed_at is null
where
    erp_row.closed_at is null
    and (cast(:account as text) is null or erp_row.account = :account);


-- name: backlog
-- The notices that wait to be sent are counted, and those that were given up; each number is that
-- of the list of the same state.
select
    (
        select count(*)
        from tracking.notification
        left join tracking.shipment on notification.shipment_id = shipment.shipment_id
        where
            notification.state = 'pending'
            and (cast(:account as text) is null or shipment.account = :account)
    ) as pending,
    (
        select count(*)
        from tracking.notification
        left join tracking.shipment on notification.shipment_id = shipment.shipment_id
        where
            notification.state = 'dead'
            and (cast(:account as text) is null or shipment.account = :account)
    ) as dead;


-- name: accounts
-- Every account is returned that has open orders or fails as a whole, with why.
select
    account.name as account,
    circuit.opened_at,
    circuit.failures,
    circuit.reason
from (
    select distinct tracked_order.account as name
    from tracking.tracked_order
    where tracked_order.closed_at is null
    union
    select failing.account as name
    from tracking.circuit as failing
) as account
left join tracking.circuit on account.name = circuit.account
order by account.name;


-- name: orders
-- A page of the ERP's rows is returned in the wanted order, with how many there are in all. The
-- page is chosen from narrow rows. Orders are joined while they are open, so that the planner need
-- not read those of years.
with chosen as (
    select
        erp_row.erp_key,
        count(*) over () as total
    from tracking.erp_row
    left join tracking.tracked_order
        on
            erp_row.order_id = tracked_order.order_id
            and tracked_order.closed_at is null
    where
        (
            (erp_row.closed_at is null and :scope <> 'stopped')
            or (erp_row.close_reason = 'stopped' and :scope = 'stopped')
        )
        and case :scope
            when 'stalled'
                then erp_row.order_id in (
                    select order_shipment.order_id
                    from tracking.stall
                    inner join tracking.order_shipment
                        on stall.shipment_id = order_shipment.shipment_id
                    where stall.cleared_at is null
                )
            when 'exceptions' then erp_row.status = any(:exceptions)
            when 'problems'
                then coalesce(
                    erp_row.last_error,
                    erp_row.sign_error,
                    tracked_order.last_error,
                    tracked_order.load_error,
                    erp_row.trace_error
                ) is not null
            when 'due'
                then
                    tracked_order.closed_at is null
                    and (
                        tracked_order.ask_parcels_at <= :now
                        or (
                            tracked_order.parcels_asked_at is not null
                            and tracked_order.next_poll_at <= :now
                        )
                    )
            when 'unwritten'
                then
                    erp_row.sign_event is not null
                    and erp_row.sign_event is distinct from erp_row.settled_event
            when 'unloaded'
                then erp_row.order_id in (
                    select trace_reply.order_id
                    from tracking.trace_reply
                    where trace_reply.loaded_at is null and trace_reply.quarantined_at is null
                )
            when 'quarantined'
                then erp_row.order_id in (
                    select trace_reply.order_id
                    from tracking.trace_reply
                    where trace_reply.quarantined_at is not null
                )
            else true
        end
        and (cast(:account as text) is null or erp_row.account = :account)
        and (cast(:status as text) is null or erp_row.status = :status)
        and (
            cast(:shipped_after as timestamptz) is null or erp_row.shipped_at > :shipped_after
        )
        and (
            cast(:shipped_until as timestamptz) is null or erp_row.shipped_at <= :shipped_until
        )
        and (not :undated or erp_row.shipped_at is null)
    order by :sort, erp_row.erp_key
    limit
        :most
        offset :skip
)

select
    erp_row.erp_key,
    erp_row.order_id,
    erp_row.account,
    erp_row.platform_order_id,
    erp_row.status,
    erp_row.waybill_nos,
    erp_row.latest_trace,
    erp_row.latest_trace_at,
    erp_row.shipped_at,
    tracked_order.last_polled_at,
    tracked_order.next_poll_at,
    coalesce(
        erp_row.last_error,
        erp_row.sign_error,
        tracked_order.last_error,
        tracked_order.load_error,
        erp_row.trace_error
    ) as problem,
    estimated.eta_p50,
    estimated.eta_p90,
    coalesce(estimated.expected_by <= :now, false) as is_late,
    chosen.total
from chosen
inner join tracking.erp_row on chosen.erp_key = erp_row.erp_key
left join tracking.tracked_order
    on
        erp_row.order_id = tracked_order.order_id
        and tracked_order.closed_at is null
left join tracking.row_eta as estimated on erp_row.erp_key = estimated.erp_key
order by :sort, erp_row.erp_key;


-- name: notices
-- A page of the notices in a state is returned, the newest first, with how many there are in all.
select
    notification.notification_id,
    notification.audience,
    notification.channel,
    notification.reason,
    notification.state,
    notification.attempts,
    notification.created_at,
    notification.due_at,
    notification.last_error,
    shipment.waybill_no,
    shipment.shipment_id,
    first_order.order_id,
    count(*) over () as total
from tracking.notification
left join tracking.shipment on notification.shipment_id = shipment.shipment_id
left join lateral (
    select min(order_shipment.order_id) as order_id
    from tracking.order_shipment
    where order_shipment.shipment_id = notification.shipment_id
) as first_order on true
where
    notification.state = :state
    and notification.state in ('dead', 'pending')
    and (
        cast(:channel as text) is null
        or notification.audience || '/' || notification.channel = :channel
    )
    and (cast(:account as text) is null or shipment.account = :account)
order by notification.created_at desc, notification.notification_id desc
limit
    :most
    offset :skip;
