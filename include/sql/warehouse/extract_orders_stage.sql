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
    refusal text
) on commit drop
