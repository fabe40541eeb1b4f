-- The stage holds the events of the replies.
copy incoming_event (
    shipment_id,
    occurred_at,
    event_hash,
    hash_version,
    position,
    future_dated,
    status,
    sign_kind,
    description,
    city,
    action,
    fetched_at
) from stdin
