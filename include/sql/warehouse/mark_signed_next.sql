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
limit :most
