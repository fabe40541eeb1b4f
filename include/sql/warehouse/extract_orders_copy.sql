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
    refusal
) from stdin
