-- One row per ERP row that the warehouse and the ERP do not agree on, with why. None: they agree.
create or replace view analytics.erp_reconciliation as
with compared as (
    select
        erp_row.*,
        last_write.outcome,
        last_write.detail,
        last_write.created_at as tried_at
    from tracking.erp_row
    left join lateral (
        select
            erp_writeback.outcome,
            erp_writeback.detail,
            erp_writeback.created_at
        from tracking.erp_writeback
        where
            erp_writeback.erp_key = erp_row.erp_key
            and erp_writeback.account = erp_row.account
            and erp_writeback.platform_order_id = erp_row.platform_order_id
            and erp_writeback.waybill_no = coalesce(erp_row.waybill_no, '')
        order by
            erp_writeback.created_at desc,
            erp_writeback.writeback_id desc
        limit 1
    ) as last_write on true
),

judged as (
    select
        compared.*,
        case
            when compared.signed_at is null and compared.outcome = 'signed'
                then 'written, not signed any more'
            when
                compared.signed_at is not null
                and compared.outcome in ('changed', 'gone', 'refused')
                then 'not written, a person decides'
            when
                compared.signed_at is not null
                and coalesce(compared.outcome, 'failed') = 'failed'
                and not coalesce(compared.sign_event = compared.settled_event, false)
                then 'signed, not written yet'
            when
                compared.outcome in ('signed', 'already')
                and compared.listed
                and compared.closed_at is null
                then 'written, undone in the ERP'
            when compared.signed_at is null and compared.close_reason = 'left_erp'
                then 'left the list unsigned'
            when compared.listed and compared.last_error is not null then 'not tracked'
        end as difference
    from compared
)

select
    erp_key,
    account,
    platform_order_id,
    difference,
    status,
    signed_at,
    outcome,
    coalesce(detail, last_error, sign_error) as detail,
    coalesce(tried_at, closed_at, signed_at, first_seen_at) as since
from judged
where difference is not null;

comment on view analytics.erp_reconciliation is
'One row for each ERP row on which the warehouse and the ERP do not agree. No row: they '
'agree.';
comment on column analytics.erp_reconciliation.erp_key is 'the ERP''s key';
comment on column analytics.erp_reconciliation.account is 'the id of the account''s connection';
comment on column analytics.erp_reconciliation.platform_order_id is
'the platform''s id of the order';
comment on column analytics.erp_reconciliation.difference is
'signed, not written yet; not written, a person decides; written, not signed any more; written, '
'undone in the ERP (the row is in its list again; it is not written a second time); '
'left the list unsigned; not tracked';
comment on column analytics.erp_reconciliation.status is 'shipment status of the order';
comment on column analytics.erp_reconciliation.signed_at is
'time of the signature, by the warehouse';
comment on column analytics.erp_reconciliation.outcome is
'writeback outcome of the last write; null: none';
comment on column analytics.erp_reconciliation.detail is
'why: what the last write, the row or its signature says';
comment on column analytics.erp_reconciliation.since is
'since when: of the last write, the closing, the signature or the first sight';
