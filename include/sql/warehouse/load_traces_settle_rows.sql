-- Every ERP row carries its verdict. A row whose trace is another than the ERP was shown says so.
update tracking.erp_row
set
    status = verdict.status,
    parcels = verdict.parcels,
    parcels_signed = verdict.parcels_signed,
    signed_at = verdict.signed_at,
    sign_kind = verdict.sign_kind,
    sign_event = verdict.sign_event,
    sign_error = verdict.sign_error,
    latest_trace = verdict.latest_trace,
    latest_trace_at = verdict.latest_trace_at,
    waybill_nos = verdict.waybill_nos,
    trace_changed
    = erp_row.trace_changed
    or (erp_row.status, erp_row.latest_trace, erp_row.latest_trace_at, erp_row.waybill_nos)
    is distinct from (
        verdict.status, verdict.latest_trace, verdict.latest_trace_at, verdict.waybill_nos
    )
from
    jsonb_to_recordset(cast(:verdicts as jsonb))
        as verdict (
            erp_key text,
            status text,
            parcels integer,
            parcels_signed integer,
            signed_at timestamptz,
            sign_kind text,
            sign_event uuid,
            latest_trace text,
            latest_trace_at timestamptz,
            waybill_nos text,
            sign_error text
        )
where
    erp_row.erp_key = verdict.erp_key
    and (
        erp_row.status,
        erp_row.parcels,
        erp_row.parcels_signed,
        erp_row.signed_at,
        erp_row.sign_event,
        erp_row.sign_error,
        erp_row.latest_trace,
        erp_row.latest_trace_at,
        erp_row.waybill_nos
    ) is distinct from (
        verdict.status,
        verdict.parcels,
        verdict.parcels_signed,
        verdict.signed_at,
        verdict.sign_event,
        verdict.sign_error,
        verdict.latest_trace,
        verdict.latest_trace_at,
        verdict.waybill_nos
    )
