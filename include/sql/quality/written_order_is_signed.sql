-- severity: error
-- What we wrote to the ERP as signed is signed here, unless it was withdrawn or pruned since.
select
    erp_row.erp_key,
    erp_row.status,
    erp_writeback.signed_at as written
from tracking.erp_writeback
inner join tracking.erp_row
    on
        erp_writeback.erp_key = erp_row.erp_key
        and erp_writeback.account = erp_row.account
        and erp_writeback.platform_order_id = erp_row.platform_order_id
        and erp_writeback.waybill_no = coalesce(erp_row.waybill_no, '')
inner join tracking.tracked_order on erp_row.order_id = tracked_order.order_id
where
    erp_writeback.outcome = 'signed'
    and erp_row.signed_at is null
    and tracked_order.pruned_at is null
    and not exists (
        select 1
        from tracking.order_shipment
        inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
        where
            order_shipment.order_id = erp_row.order_id
            and shipment.sign_was_confirmed
    )
