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
    known.detail
