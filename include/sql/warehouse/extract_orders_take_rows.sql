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
                incoming.erp_stamp
            ) is distinct from (
                known.order_id, known.waybill_no, known.shipped_at, known.priority, known.erp_stamp
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
    and not shipment.unsettled
