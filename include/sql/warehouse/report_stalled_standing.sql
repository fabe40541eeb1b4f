-- The stage holds every parcel that somebody still waits for, with where it stands since when. A
-- sign that was withdrawn counts for orders too that were closed because they were signed. A text
-- that no rule reads takes the place of the stage once it was the newest for long enough. An open
-- stall for want of a pick-up keeps its beginning, also when the time of shipping is corrected.
-- The offsets let the planner start from what is open, else it reads all closed orders too.
with watched as (
    select own.shipment_id
    from tracking.tracked_order
    inner join lateral (
        select order_shipment.shipment_id
        from tracking.order_shipment
        where
            order_shipment.order_id = tracked_order.order_id
            and order_shipment.superseded_at is null
        order by order_shipment.shipment_id
        offset 0
    ) as own on true
    where tracked_order.closed_at is null
    union
    select shipment.shipment_id
    from tracking.shipment
    where
        shipment.sign_was_confirmed
        and shipment.status <> 'signed'
        and shipment.status = any(:withdrawing)
),

awaited as (
    select
        watched.shipment_id,
        min(served.shipped_at) as shipped_at,
        min(served.first_seen_at) as first_seen_at,
        bool_or(served.is_open) as is_open,
        bool_or(served.may_reopen) as may_reopen
    from watched
    inner join lateral (
        select
            erp_row.shipped_at,
            order_shipment.first_seen_at,
            (
                tracked_order.closed_at is null
                and erp_row.closed_at is null
                and erp_row.signed_at is null
            ) as is_open,
            (tracked_order.closed_at is null or erp_row.close_reason = 'signed') as may_reopen
        from tracking.order_shipment
        inner join tracking.tracked_order on order_shipment.order_id = tracked_order.order_id
        inner join tracking.erp_row on tracked_order.order_id = erp_row.order_id
        where
            order_shipment.shipment_id = watched.shipment_id
            and order_shipment.superseded_at is null
            and (
                erp_row.waybill_no is null
                or exists (
                    select 1
                    from tracking.shipment_waybill
                    where
                        shipment_waybill.shipment_id = watched.shipment_id
                        and (
                            shipment_waybill.waybill_no = erp_row.waybill_no
                            or tracking.fold_waybill(shipment_waybill.waybill_no)
                            = tracking.fold_waybill(erp_row.waybill_no)
                        )
                )
            )
        order by order_shipment.order_id
        offset 0
    ) as served on true
    group by watched.shipment_id
),

staged as (
    select
        awaited.shipment_id,
        awaited.shipped_at,
        awaited.first_seen_at,
        awaited.is_open,
        shipment.status,
        shipment.first_event_at,
        coalesce(shipment.last_event_at, shipment.platform_status_since) as last_news_at,
        case
            when shipment.sign_was_confirmed and shipment.status = any(:withdrawing)
                then 'sign_withdrawn'
            when shipment.status = 'unknown' then 'unknown'
            when shipment.status in ('pending', 'info_received') then 'pickup'
            when
                shipment.status in (
                    'picked_up', 'in_transit', 'out_for_delivery', 'ready_for_pickup'
                )
                and shipment.last_event_status = 'unknown'
                and shipment.last_event_at <= :now - :unknown_hours * interval '1 hour'
                then 'unknown'
            when shipment.status in ('picked_up', 'in_transit') then 'in_transit'
            else shipment.status
        end as stage
    from awaited
    inner join tracking.shipment on awaited.shipment_id = shipment.shipment_id
    where
        (
            awaited.is_open
            or (
                awaited.may_reopen
                and shipment.sign_was_confirmed
                and shipment.status = any(:withdrawing)
            )
        )
        and (cast(:only_account as text) is null or shipment.account = :only_account)
)

insert into standing (shipment_id, stage, since, threshold_hours)
select
    staged.shipment_id,
    staged.stage,
    coalesce(
        case
            when staged.stage = 'pickup'
                then coalesce(running.since, staged.shipped_at, staged.first_event_at)
            when staged.stage in ('in_transit', 'out_for_delivery', 'unknown')
                then staged.last_news_at
            else coalesce(became.occurred_at, staged.last_news_at)
        end,
        staged.first_seen_at
    ),
    threshold.hours
from staged
inner join
    unnest(cast(:stages as text[]), cast(:hours as double precision[])) as threshold (stage, hours)
    on staged.stage = threshold.stage
left join lateral (
    select max(status_change.occurred_at) as occurred_at
    from tracking.status_change
    where
        staged.stage not in ('pickup', 'in_transit', 'out_for_delivery', 'unknown')
        and status_change.shipment_id = staged.shipment_id
        and case
            when staged.stage = 'sign_withdrawn' then status_change.from_status = 'signed'
            else status_change.to_status = staged.status
        end
) as became on true
left join lateral (
    select min(stall.since) as since
    from tracking.stall
    where
        staged.stage = 'pickup'
        and stall.shipment_id = staged.shipment_id
        and stall.stage = 'pickup'
        and stall.cleared_at is null
) as running on true
