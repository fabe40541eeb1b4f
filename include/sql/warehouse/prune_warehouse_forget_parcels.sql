-- Parcels that belong to no order any more are gone, with all that was known of them.
with lone as (
    select parcel.shipment_id
    from unnest(cast(:shipments as bigint[])) as parcel (shipment_id)
    where
        not exists (
            select 1
            from tracking.order_shipment
            where order_shipment.shipment_id = parcel.shipment_id
        )
),

notices as (
    delete from tracking.notification
    using lone
    where notification.shipment_id = lone.shipment_id
),

stalls as (
    delete from tracking.stall
    using lone
    where stall.shipment_id = lone.shipment_id
),

events as (
    delete from tracking.trace_event
    using lone
    where trace_event.shipment_id = lone.shipment_id
    returning trace_event.shipment_id
),

changes as (
    delete from tracking.status_change
    using lone
    where status_change.shipment_id = lone.shipment_id
    returning status_change.event_id
),

waybills as (
    delete from tracking.shipment_waybill
    using lone
    where shipment_waybill.shipment_id = lone.shipment_id
),

parcels as (
    delete from tracking.shipment
    using lone
    where shipment.shipment_id = lone.shipment_id
    returning shipment.shipment_id
)

select
    (select count(*) from parcels) as parcels,
    (select count(*) from events) as events,
    (select count(*) from changes) as changes
