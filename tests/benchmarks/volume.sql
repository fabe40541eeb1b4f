-- Numbers are times: parcel 1 was closed 400 days ago, and the last few are open.
create temporary table numbered as
select
    i,
    i > :shipments * (1 - :open_share) as is_open,
    case
        when i > :shipments * (1 - :open_share) then :now - interval '1 hour'
        else :now - (:shipments - i) * (interval '400 days' / :shipments)
    end as at
from generate_series(1, :shipments) as i;

insert into tracking.tracked_order (
    platform, account, platform_order_id, status, all_signed, has_unshipped_lines,
    first_seen_at, closed_at, ask_parcels_at, parcels_asked_at, next_poll_at, last_polled_at,
    traces_seen_at, fingerprint
)
select
    '1688', 'platform_1688_' || i % 4, cast(2938624554500000000 + i as text),
    case when is_open then 'in_transit' else 'signed' end, not is_open, false,
    at - interval '5 days', case when not is_open then at end,
    case when is_open then :now + (i % 1000 - 20) * interval '1 minute' end,
    at - interval '4 days',
    case when is_open then :now + (i % 60 - 20) * interval '1 minute' end,
    at - interval '1 hour', at - interval '1 hour', md5(cast(i as text))
from numbered;

insert into tracking.erp_row (
    erp_key, order_id, platform, account, platform_order_id, shipped_at, erp_stamp, listed,
    status, parcels, parcels_signed, signed_at, first_seen_at, closed_at, close_reason,
    sign_kind, sign_event, settled_event, latest_trace, latest_trace_at, waybill_nos,
    trace_changed
)
select
    'SO' || i, i, '1688', 'platform_1688_' || i % 4,
    cast(2938624554500000000 + i as text), at - interval '5 days', cast(at as text), is_open,
    case when is_open then 'in_transit' else 'signed' end, 1, cast(not is_open as integer),
    case when not is_open then at end, at - interval '5 days',
    case when not is_open then at end,
    case when not is_open then 'signed' end, case when not is_open then 'platform' end,
    case when not is_open then md5('signed' || i)::uuid end,
    case when not is_open and i % 5000 > 0 then md5('signed' || i)::uuid end,
    '【杭州市】快件已到达 杭州转运中心，准备发往下一站', at, 'YT' || i, is_open and i % 10 = 0
from numbered;

insert into tracking.shipment (
    account, consignment_id, waybill_no, carrier_code, carrier_name, platform_code,
    platform_status, platform_status_since, platform_status_at, status, sign_kind, signed_at,
    sign_seen_at, sign_confirmed_at, sign_was_confirmed, first_event_at, last_event_at,
    last_event, event_count, unsettled
)
select
    'platform_1688_' || i % 4, 'LP' || i, 'YT' || i, 'YTO', '圆通速递', 'SIGN',
    case when is_open then 'in_transit' else 'signed' end, at, at,
    case when is_open then 'in_transit' else 'signed' end,
    case when not is_open then 'platform' end, case when not is_open then at end,
    case when not is_open then at end, case when not is_open then at end, not is_open,
    at - interval '5 days', at, '【杭州市】快件已到达 杭州转运中心，准备发往下一站', :scans,
    is_open and i % 100 = 0
from numbered;

insert into tracking.order_shipment (order_id, shipment_id, first_seen_at, listed_at)
select i, i, at, at from numbered
union all
select i, i - 1, at, at from numbered where i % 50 = 0;

insert into tracking.shipment_waybill (shipment_id, waybill_no, first_seen_at)
select i, 'YT' || i, at from numbered;

insert into tracking.status_change (
    event_id, shipment_id, from_status, to_status, occurred_at, detected_at, run_id
)
select md5(step || i)::uuid, i, 'in_transit', step, at, at, 'run'
from numbered cross join unnest(array['picked_up', 'signed']) as step;

insert into tracking.notification (
    event_id, shipment_id, audience, channel, reason, state, created_at, due_at, sent_at
)
select
    md5(step || i)::uuid, i, case when is_new and i % 2 = 0 then 'all' else 'ops' end,
    case when is_new and i % 2 = 0 then '' else 'ops' end, step,
    case when is_new then 'pending' else 'sent' end, at, at, case when not is_new then at end
from (
    select numbered.*, step, is_open and i % 20 < 2 and step = 'signed' as is_new
    from numbered cross join unnest(array['picked_up', 'signed']) as step
) as told
order by i;

insert into tracking.trace_reply (
    order_id, dialect, fetched_at, fingerprint, body, announce, run_id, loaded_at
)
select
    i, 'param2', at, md5(cast(i as text)),
    jsonb_build_object('logisticsTrace', (
        select jsonb_agg(jsonb_build_object(
            'acceptTime', at, 'remark', '【杭州市】快件已到达 ' || md5(cast(i + k as text))
        )) from generate_series(1, :scans) as k
    )),
    true, 'run', case when not is_open or i % 100 > 0 then at end
from numbered;

insert into tracking.trace_event (
    shipment_id, occurred_at, event_hash, hash_version, position, future_dated, status,
    description, city, fetched_at
)
select
    i, at - k * interval '7 hours', hashtextextended(cast(i as text), k), 1, k, false,
    'in_transit',
    '【杭州市】快件已到达 第' || i % 5000 || '转运中心，扫描' || k || '，准备发往下一站',
    '杭州市', at
from numbered cross join generate_series(1, :scans) as k;
