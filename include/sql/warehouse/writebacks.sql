-- name: next
-- A batch of ERP rows that are signed and not yet written, or not yet known to be. One whose sign
-- lies ahead waits for its time, and one that cannot be tracked as it stands until it is mended.
select
    erp_key,
    account,
    platform_order_id,
    waybill_no,
    sign_event,
    signed_at,
    sign_kind,
    erp_stamp
from tracking.erp_row
where
    sign_event is not null
    and sign_event is distinct from settled_event
    and signed_at <= :latest
    and last_error is null
    and erp_key > :after
    and (cast(:only_account as text) is null or account = :only_account)
order by erp_key
limit :most;


-- name: begin
-- Every write to come stands in the audit with what the ERP had before. One that was begun and not
-- settled keeps what stood there before its own write; one that came to nothing begins anew.
insert into tracking.erp_writeback as known (
    erp_key,
    account,
    platform_order_id,
    waybill_no,
    source_event,
    signed_at,
    sign_kind,
    before,
    run_id,
    created_at
)
select
    incoming.erp_key,
    incoming.account,
    incoming.platform_order_id,
    incoming.waybill_no,
    incoming.source_event,
    incoming.signed_at,
    incoming.sign_kind,
    incoming.before,
    :run_id,
    :now
from
    jsonb_to_recordset(cast(:writes as jsonb))
        as incoming (
            erp_key text,
            account text,
            platform_order_id text,
            waybill_no text,
            source_event uuid,
            signed_at timestamptz,
            sign_kind text,
            before jsonb
        )
order by incoming.erp_key
on conflict (erp_key, waybill_no, source_event) do update
    set
        before = case
            when known.outcome in ('changed', 'gone', 'failed') then excluded.before
            else known.before
        end,
        outcome = case
            when known.outcome not in ('changed', 'gone', 'failed') then known.outcome
        end
returning
    known.erp_key,
    known.outcome,
    known.before,
    known.detail;


-- name: outcomes
-- The audit says what came of every write. Of two runs at once the one that knows the row to be
-- signed is right, and a failure says least.
update tracking.erp_writeback
set
    outcome = found.outcome,
    detail = found.detail,
    run_id = :run_id,
    written_at = case when found.outcome = 'signed' then :now end
from
    jsonb_to_recordset(cast(:outcomes as jsonb))
        as found (
            erp_key text,
            waybill_no text,
            source_event uuid,
            outcome text,
            detail text
        )
where
    erp_writeback.erp_key = found.erp_key
    and erp_writeback.waybill_no = found.waybill_no
    and erp_writeback.source_event = found.source_event
    and (
        coalesce(erp_writeback.outcome, 'failed') = 'failed'
        or (
            erp_writeback.outcome in ('changed', 'gone')
            and found.outcome in ('signed', 'already')
        )
    );


-- name: settle
-- The rows are done with their sign, whatever came of it, unless the write failed; those that the
-- ERP has as signed are closed.
update tracking.erp_row
set
    settled_event = found.source_event,
    closed_at = case
        when found.outcome in ('signed', 'already') then coalesce(erp_row.closed_at, :now)
        else erp_row.closed_at
    end,
    close_reason = case
        when found.outcome in ('signed', 'already') then coalesce(erp_row.close_reason, 'signed')
        else erp_row.close_reason
    end
from
    jsonb_to_recordset(cast(:outcomes as jsonb))
        as found (
            erp_key text,
            source_event uuid,
            outcome text
        )
where
    erp_row.erp_key = found.erp_key
    and erp_row.sign_event = found.source_event
    and found.outcome <> 'failed';


-- name: lately
-- How many rows were signed at the ERP by other runs since a time.
select count(*)
from tracking.erp_writeback
where
    written_at >= :since
    and run_id <> :run_id
    and (cast(:only_account as text) is null or account = :only_account);
