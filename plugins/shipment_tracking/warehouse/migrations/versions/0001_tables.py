"""The tables of the ``tracking`` schema and the roles that may use them."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
create table tracking.tracked_order (
    order_id bigint generated always as identity primary key,
    platform text not null,
    account text not null,
    platform_order_id text not null,
    priority smallint not null default 0,
    status text not null default 'pending',
    all_signed boolean not null default false,
    has_unshipped_lines boolean,
    first_seen_at timestamptz not null,
    closed_at timestamptz,
    ask_parcels_at timestamptz,
    parcels_asked_at timestamptz,
    next_poll_at timestamptz,
    last_polled_at timestamptz,
    traces_seen_at timestamptz,
    backfill_at timestamptz,
    fingerprint text,
    failures integer not null default 0,
    last_error text,
    load_error text,
    lease_owner text,
    lease_until timestamptz,
    lease_token bigint not null default 0,
    unique (platform, account, platform_order_id)
);
comment on table tracking.tracked_order is
    'The polling unit: one order of one account, with what is due when and who works on it.';
comment on column tracking.tracked_order.backfill_at is
    'Set while a backfill waits to poll this order.';
comment on column tracking.tracked_order.fingerprint is
    'Of the newest stored reply; an equal one is not stored again.';
comment on column tracking.tracked_order.has_unshipped_lines is
    'By the order detail; null while nobody asked.';
comment on column tracking.tracked_order.traces_seen_at is
    'When its platform last answered with traces, and not with nothing.';
comment on column tracking.tracked_order.load_error is
    'Why its newest reply could not be loaded; last_error: why it could not be asked for.';
create index tracked_order_due on tracking.tracked_order (account, next_poll_at)
    where closed_at is null;
create index tracked_order_ask_parcels on tracking.tracked_order (account, ask_parcels_at)
    where closed_at is null;
create index tracked_order_backfill on tracking.tracked_order (account, backfill_at)
    where backfill_at is not null;

create table tracking.erp_row (
    erp_key text primary key,
    order_id bigint references tracking.tracked_order,
    platform text,
    account text,
    platform_order_id text,
    waybill_no text,
    shipped_at timestamptz,
    priority smallint not null default 0,
    erp_stamp text,
    listed boolean not null,
    status text not null default 'pending',
    parcels integer not null default 0,
    parcels_signed integer not null default 0,
    signed_at timestamptz,
    first_seen_at timestamptz not null,
    closed_at timestamptz,
    close_reason text check (
        close_reason in ('signed', 'left_erp', 'gave_up', 'too_old', 'stopped')
    ),
    last_error text
);
comment on table tracking.erp_row is 'One row of the ERP; several may share a tracked order.';
comment on column tracking.erp_row.listed is 'Whether the newest complete list held this row.';
create index erp_row_order on tracking.erp_row (order_id);
create index erp_row_shipped on tracking.erp_row (shipped_at);

create table tracking.shipment (
    shipment_id bigint generated always as identity primary key,
    account text not null,
    consignment_id text not null,
    waybill_no text,
    carrier_code text,
    carrier_name text,
    platform_code text,
    platform_status text,
    platform_status_since timestamptz,
    platform_status_at timestamptz,
    platform_announce boolean not null default true,
    status text not null default 'pending',
    sign_kind text,
    signed_at timestamptz,
    sign_seen_at timestamptz,
    sign_confirmed_at timestamptz,
    first_event_at timestamptz,
    last_event_at timestamptz,
    last_event text,
    event_count integer not null default 0,
    unsettled boolean not null default true,
    unique (account, consignment_id)
);
comment on table tracking.shipment is 'One parcel and its present status.';
comment on column tracking.shipment.platform_status_since is
    'When this platform status was fetched first; platform_status_at: fetched last.';
comment on column tracking.shipment.sign_seen_at is
    'When its sign was seen first; it has 24 hours to be confirmed.';
create index shipment_unsettled on tracking.shipment (shipment_id) where unsettled;
create index shipment_unconfirmed on tracking.shipment (sign_seen_at)
    where sign_seen_at is not null and sign_confirmed_at is null;

create table tracking.order_shipment (
    order_id bigint not null references tracking.tracked_order,
    shipment_id bigint not null references tracking.shipment,
    first_seen_at timestamptz not null,
    listed_at timestamptz,
    superseded_at timestamptz,
    primary key (order_id, shipment_id)
);
comment on column tracking.order_shipment.listed_at is
    'When the platform''s parcel list first held it; null while only a trace named it.';
create index order_shipment_shipment on tracking.order_shipment (shipment_id);

create table tracking.shipment_waybill (
    shipment_id bigint not null references tracking.shipment,
    waybill_no text not null,
    first_seen_at timestamptz not null,
    primary key (shipment_id, waybill_no)
);
create index shipment_waybill_waybill on tracking.shipment_waybill (waybill_no);

create table tracking.trace_event (
    shipment_id bigint not null,
    occurred_at timestamptz not null,
    event_hash bigint not null,
    hash_version smallint not null,
    position integer not null,
    future_dated boolean not null,
    status text not null,
    sign_kind text,
    description text not null,
    city text,
    action text,
    fetched_at timestamptz not null,
    primary key (shipment_id, occurred_at, event_hash)
);
comment on table tracking.trace_event is
    'One scan, once. No foreign key: loading checks its shipment in the same transaction.';

create table tracking.trace_reply (
    reply_id bigint generated always as identity primary key,
    order_id bigint not null references tracking.tracked_order,
    dialect text not null,
    fetched_at timestamptz not null,
    fingerprint text not null,
    body jsonb not null,
    announce boolean not null,
    run_id text not null,
    attempts integer not null default 0,
    last_error text,
    loaded_at timestamptz,
    quarantined_at timestamptz
);
comment on table tracking.trace_reply is 'Masked replies, kept when they said something new.';
create index trace_reply_waiting on tracking.trace_reply (reply_id)
    where loaded_at is null and quarantined_at is null;
create index trace_reply_order on tracking.trace_reply (order_id);

create table tracking.status_change (
    event_id uuid primary key,
    shipment_id bigint not null references tracking.shipment,
    from_status text not null,
    to_status text not null,
    occurred_at timestamptz not null,
    detected_at timestamptz not null,
    run_id text not null
);
create index status_change_shipment on tracking.status_change (shipment_id, detected_at);

create table tracking.notification (
    notification_id bigint generated always as identity primary key,
    event_id uuid not null,
    shipment_id bigint not null references tracking.shipment,
    audience text not null default 'all',
    channel text not null default '',
    reason text not null,
    state text not null check (state in ('pending', 'sent', 'dead', 'suppressed')),
    attempts integer not null default 0,
    created_at timestamptz not null,
    due_at timestamptz,
    sent_at timestamptz,
    last_error text,
    unique (event_id, audience, channel)
);
comment on table tracking.notification is
    'The outbox. No channel: not yet addressed. A null due_at: held until a sign is confirmed.';
create index notification_pending on tracking.notification (due_at) where state = 'pending';
create index notification_shipment on tracking.notification (shipment_id) where state = 'pending';

create table tracking.erp_writeback (
    writeback_id bigint generated always as identity primary key,
    erp_key text not null,
    account text not null,
    platform_order_id text not null,
    waybill_no text not null default '',
    source_event uuid not null,
    signed_at timestamptz not null,
    sign_kind text,
    before jsonb not null,
    outcome text check (
        outcome in ('signed', 'already', 'changed', 'gone', 'refused', 'failed')
    ),
    detail text,
    run_id text not null,
    created_at timestamptz not null,
    written_at timestamptz,
    unique (erp_key, waybill_no, source_event)
);
comment on table tracking.erp_writeback is
    'Write-ahead audit of what we write to the ERP; no outcome: begun, not yet settled.';

create table tracking.stall (
    stall_id bigint generated always as identity primary key,
    shipment_id bigint not null references tracking.shipment,
    stage text not null,
    since timestamptz not null,
    threshold_hours numeric not null,
    opened_at timestamptz not null,
    cleared_at timestamptz,
    alerted_at timestamptz,
    unique (shipment_id, stage, since)
);

create table tracking.api_quota (
    gateway text not null,
    app_key text not null,
    share text not null check (share in ('all', 'backfill')),
    spacing double precision not null,
    next_at timestamptz not null,
    blocked_until timestamptz,
    primary key (gateway, app_key, share)
);
comment on column tracking.api_quota.spacing is 'Seconds between two calls.';

create table tracking.api_quota_account (
    gateway text not null,
    app_key text not null,
    account text not null,
    qps double precision not null,
    seen_at timestamptz not null,
    primary key (gateway, app_key, account)
);
comment on table tracking.api_quota_account is
    'Which connections share an app key; the slowest one seen within a day sets the spacing.';

create table tracking.run (
    run_id text primary key,
    run_type text not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    due integer not null default 0,
    polled integer not null default 0,
    left_over integer not null default 0,
    events_new bigint not null default 0,
    events_duplicate bigint not null default 0,
    changes integer not null default 0,
    signed integer not null default 0,
    notices_sent integer not null default 0,
    failed_orders integer not null default 0
);

create table tracking.api_usage (
    run_id text not null,
    account text not null,
    api text not null,
    outcome text not null,
    calls integer not null,
    seconds double precision not null,
    primary key (run_id, account, api, outcome)
);

create table tracking.token (
    account text primary key,
    secret bytea not null,
    expires_at timestamptz,
    refresh_expires_at timestamptz,
    stored_at timestamptz not null,
    lease_owner text,
    lease_until timestamptz
);
comment on column tracking.token.secret is 'The token pair, encrypted with the Fernet key.';
"""

GRANTS = """
grant all on schema tracking, analytics to tracking_owner;
grant all on all tables in schema tracking to tracking_owner;
grant usage on schema tracking, analytics to tracking_writer;
grant select, insert, update, delete on all tables in schema tracking to tracking_writer;
grant usage on all sequences in schema tracking to tracking_writer;
grant usage on schema analytics to analytics_reader;
"""


def upgrade() -> None:
    """Create the tables and let the three roles use them."""
    op.get_bind().exec_driver_sql(TABLES)
    op.get_bind().exec_driver_sql(GRANTS)
