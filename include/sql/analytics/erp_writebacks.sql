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
from tracking.erp_writeback;

comment on view analytics.erp_writebacks is
'Every signature written to the ERP. The row is written before the write.';
comment on column analytics.erp_writebacks.erp_key is 'the ERP''s key';
comment on column analytics.erp_writebacks.account is 'the id of the account''s connection';
comment on column analytics.erp_writebacks.platform_order_id is 'the platform''s id of the order';
comment on column analytics.erp_writebacks.waybill_no is
'the row''s waybill number, if it has one';
comment on column analytics.erp_writebacks.outcome is
'writeback outcome: signed, already, changed, gone, failed; null: begun, not known yet';
comment on column analytics.erp_writebacks.signed_at is 'the time that was to be written';
comment on column analytics.erp_writebacks.written_at is 'when the outcome was recorded';
comment on column analytics.erp_writebacks.run_id is 'the run';
comment on column analytics.erp_writebacks.before is
'the row as it was read: status, signed_at, erp_stamp';
comment on column analytics.erp_writebacks.detail is 'why, where it was not written';
