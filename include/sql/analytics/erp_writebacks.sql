-- Everything written to the ERP, with what stood there before and what came of it.
create or replace view analytics.erp_writebacks as
select
    erp_writeback.erp_key,
    erp_writeback.account,
    erp_writeback.platform_order_id,
    nullif(erp_writeback.waybill_no, '') as waybill_no,
    erp_writeback.outcome,
    erp_writeback.signed_at,
    erp_writeback.written_at,
    erp_writeback.run_id,
    erp_writeback.before,
    erp_writeback.detail
from tracking.erp_writeback
