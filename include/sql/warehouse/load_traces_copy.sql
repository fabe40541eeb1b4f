-- The stage holds the events of the replies.
copy incoming_event (
    shipment_id,
    occurred_at,
    event_hash,
    hash_version,
    position,
    future_dated,
    earlier_life,
    withdrawn_at,
    status,
    sign_kind,
    description,
    city,
    action,
    decided_by,
    fetched_at
) from stdin
