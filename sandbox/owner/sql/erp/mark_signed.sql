-- The order is signed, if it still is as it was read: shipped, unsigned, with the same stamp. A
-- time that is set is never moved. May be bound: the key, the time and kind of the sign, the row's
-- waybill number, its stamp as read, and the present time for the new stamp; times have no offset
-- and are in the ERP's own zone.
update erp_order
set
    status = 'SIGNED',
    signed_at = :signed_at,
    sign_kind = :sign_kind,
    updated_at = :now
where
    order_no = :erp_key
    and status = 'SHIPPED'
    and (signed_at is null or cast(signed_at as char(19)) = '0000-00-00 00:00:00')
    and updated_at = :erp_stamp
