-- Known events that a reply reads anew, lacks or holds again say so.
update tracking.trace_event
set
    position = news.position,
    earlier_life = news.earlier_life,
    withdrawn_at = news.withdrawn_at,
    status = news.status,
    sign_kind = news.sign_kind,
    action = news.action,
    decided_by = news.decided_by
from
    jsonb_to_recordset(cast(:events as jsonb))
        as news (
            shipment_id bigint,
            occurred_at timestamptz,
            event_hash bigint,
            position integer,
            earlier_life boolean,
            withdrawn_at timestamptz,
            status text,
            sign_kind text,
            action text,
            decided_by text
        )
where
    trace_event.shipment_id = news.shipment_id
    and trace_event.occurred_at = news.occurred_at
    and trace_event.event_hash = news.event_hash
