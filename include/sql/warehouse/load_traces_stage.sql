-- There is an empty stage for trace events, gone when the transaction ends.
create temporary table incoming_event (
    shipment_id bigint not null,
    occurred_at timestamptz not null,
    event_hash bigint not null,
    hash_version smallint not null,
    position integer not null,
    future_dated boolean not null,
    earlier_life boolean not null,
    withdrawn_at timestamptz,
    status text not null,
    sign_kind text,
    description text not null,
    city text,
    action text,
    decided_by text not null,
    fetched_at timestamptz not null
) on commit drop
