-- Every change has its notice, to be sent or with the reason why not.
insert into tracking.notification (
    event_id, shipment_id, reason, from_status, state, created_at, due_at
)
select
    notice.event_id,
    notice.shipment_id,
    notice.reason,
    notice.from_status,
    notice.state,
    :now,
    case when notice.state = 'pending' and not notice.held then :now end
from
    jsonb_to_recordset(cast(:notices as jsonb))
        as notice (
            event_id uuid,
            shipment_id bigint,
            reason text,
            from_status text,
            state text,
            held boolean
        )
order by notice.event_id
on conflict (event_id, audience, channel) do nothing
