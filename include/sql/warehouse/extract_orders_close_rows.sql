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
    )
