-- Every one of the orders knows its status and when its platform is asked for parcels next: again
-- and again while a signature waits for its confirmation, ever more rarely, at once when all are
-- signed and the unshipped lines are not known, and when a trace named an unlisted parcel; else
-- after a quiet day. An order whose rows are all signed is asked for no more.
with verdict as (
    select
        given.*,
        exists(
            select 1
            from tracking.erp_row
            where
                erp_row.order_id = given.order_id
                and erp_row.closed_at is null
                and erp_row.signed_at is null
        ) as has_unsigned_rows
    from
        jsonb_to_recordset(cast(:verdicts as jsonb))
            as given (
                order_id bigint,
                status text,
                all_signed boolean,
                unconfirmed_since timestamptz,
                unlisted_since timestamptz,
                last_event_at timestamptz
            )
)

update tracking.tracked_order
set
    status = verdict.status,
    all_signed = verdict.all_signed,
    next_poll_at = case
        when verdict.has_unsigned_rows then coalesce(tracked_order.next_poll_at, :now)
    end,
    ask_parcels_at = case
        when not verdict.has_unsigned_rows then null
        when tracked_order.parcels_asked_at >= verdict.unconfirmed_since
            then
                tracked_order.parcels_asked_at
                + (tracked_order.parcels_asked_at - verdict.unconfirmed_since) / 2
        when verdict.unconfirmed_since is not null then :now
        when verdict.all_signed and tracked_order.has_unshipped_lines is null then :now
        when verdict.unlisted_since >= tracked_order.parcels_asked_at then :now
        else
            greatest(tracked_order.parcels_asked_at, verdict.last_event_at) + interval '24 hours'
    end
from verdict
where tracked_order.order_id = verdict.order_id
