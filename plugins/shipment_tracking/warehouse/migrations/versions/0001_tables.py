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
    trace_failures integer not null default 0,
    last_error text,
    load_error text,
    lease_owner text,
    lease_until timestamptz,
    lease_token bigint not null default 0,
    reopened_at timestamptz,
    quiet_since timestamptz,
    pruned_at timestamptz,
    changed_at timestamptz,
    reported_at timestamptz,
    unreported_at timestamptz,
    unique (platform, account, platform_order_id)
);
comment on table tracking.tracked_order is
    'The polling unit: one order of one account, with what is due when and who works on it.';
comment on column tracking.tracked_order.has_unshipped_lines is
    'By the order detail; null while nobody asked.';
comment on column tracking.tracked_order.traces_seen_at is
    'When its platform last answered with traces, and not with nothing.';
comment on column tracking.tracked_order.backfill_at is
    'Set while a backfill waits to poll this order.';
comment on column tracking.tracked_order.fingerprint is
    'Of the newest stored reply; an equal one is not stored again.';
comment on column tracking.tracked_order.load_error is
    'Why its newest reply could not be loaded; last_error: why it could not be asked for.';
comment on column tracking.tracked_order.reopened_at is
    'When it was closed and came back; it is not called quiet by what was before.';
comment on column tracking.tracked_order.quiet_since is
    'Set when no rule polls it any more: since when nothing new is known; it is closed next.';
comment on column tracking.tracked_order.pruned_at is
    'When its parcels were deleted last; if it comes back, it starts anew and announces no past.';
comment on column tracking.tracked_order.changed_at is
    'By its platform: its newest change that a feed reported; reported_at: when that was read.';
comment on column tracking.tracked_order.unreported_at is
    'When a poll found what the feed should report; it still may.';
create index tracked_order_ask_parcels on tracking.tracked_order (account, ask_parcels_at)
    where closed_at is null;
create index tracked_order_backfill on tracking.tracked_order (account, backfill_at)
    where backfill_at is not null;
create index tracked_order_closed on tracking.tracked_order (closed_at) where closed_at is not null;
create index tracked_order_due on tracking.tracked_order (account, next_poll_at)
    where closed_at is null;
create index tracked_order_platform_order_id on tracking.tracked_order (platform_order_id)
    where closed_at is null;
create index tracked_order_prunable on tracking.tracked_order (order_id, closed_at)
    where closed_at is not null and parcels_asked_at is not null;
create index tracked_order_quiet on tracking.tracked_order (order_id)
    where quiet_since is not null and closed_at is null;
create index tracked_order_search
    on tracking.tracked_order (reverse(platform_order_id) text_pattern_ops);
create index tracked_order_unreported on tracking.tracked_order (account)
    where unreported_at is not null;

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
    last_error text,
    sign_kind text,
    sign_event uuid,
    settled_event uuid,
    latest_trace text,
    latest_trace_at timestamptz,
    waybill_nos text,
    trace_changed boolean not null default false,
    sign_error text,
    shown_at timestamptz,
    trace_error text,
    promised_at timestamptz
);
comment on table tracking.erp_row is 'One row of the ERP; several may share a tracked order.';
comment on column tracking.erp_row.listed is 'Whether the newest complete list held this row.';
comment on column tracking.erp_row.sign_event is
    'The status change that made it signed: what mark_signed writes to the ERP once.';
comment on column tracking.erp_row.settled_event is
    'The sign_event that mark_signed is done with, whatever came of it.';
comment on column tracking.erp_row.trace_changed is
    'Whether the ERP shows another trace than this one.';
comment on column tracking.erp_row.sign_error is
    'Why it cannot be signed although its parcels are, or which parcel it lacks.';
comment on column tracking.erp_row.shown_at is 'When the ERP last took its trace.';
comment on column tracking.erp_row.trace_error is 'Why the ERP did not take its trace last time.';
comment on column tracking.erp_row.promised_at is
    'By when the ERP promised the delivery; null where it does not say.';
create index erp_row_listed on tracking.erp_row (erp_key) where listed;
create index erp_row_open on tracking.erp_row (order_id) where closed_at is null;
create index erp_row_order on tracking.erp_row (order_id);
create index erp_row_search on tracking.erp_row (reverse(upper(erp_key)) text_pattern_ops);
create index erp_row_shipped on tracking.erp_row (shipped_at);
create index erp_row_signed on tracking.erp_row (signed_at) where signed_at is not null;
create index erp_row_stopped on tracking.erp_row (erp_key) where close_reason = 'stopped';
create index erp_row_trace_changed on tracking.erp_row (erp_key) where trace_changed;
create index erp_row_unwritten on tracking.erp_row (erp_key)
    where sign_event is not null and sign_event is distinct from settled_event;

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
    sign_was_confirmed boolean not null default false,
    trace_fetched_at timestamptz,
    trace_since timestamptz,
    trace_waybill_no text,
    announced_status text not null default 'pending',
    last_event_status text,
    router_code text,
    picked_up_at timestamptz,
    out_for_delivery_at timestamptz,
    origin_city text,
    last_city text,
    unique (account, consignment_id)
);
comment on table tracking.shipment is 'One parcel and its present status.';
comment on column tracking.shipment.platform_status_since is
    'When this platform status was fetched first; platform_status_at: fetched last.';
comment on column tracking.shipment.sign_seen_at is
    'When its sign was seen first; it has 24 hours to be confirmed.';
comment on column tracking.shipment.sign_was_confirmed is
    'Whether its sign was ever confirmed, even if it was withdrawn since.';
comment on column tracking.shipment.trace_fetched_at is 'When its newest loaded reply was fetched.';
comment on column tracking.shipment.trace_since is
    'The time of the oldest event in its newest loaded reply.';
comment on column tracking.shipment.trace_waybill_no is
    'The waybill number that its newest loaded reply named it by.';
comment on column tracking.shipment.announced_status is
    'Its status, leaving out a signature that was never confirmed: what people may know.';
comment on column tracking.shipment.router_code is
    'The carrier''s code as a router spells it, with which its traces are asked for; null where '
    'the platform gives its parcels ids of their own.';
comment on column tracking.shipment.picked_up_at is
    'Of its first scan that says so, likewise out_for_delivery_at; only scans that may lead count.';
comment on column tracking.shipment.last_city is
    'Where it was seen last; origin_city: where it set out. Null: no scan names a city.';
create index shipment_confirmed on tracking.shipment (sign_confirmed_at)
    where sign_confirmed_at is not null;
create index shipment_sign_withdrawn on tracking.shipment (shipment_id)
    where sign_was_confirmed and status <> 'signed';
create index shipment_unconfirmed on tracking.shipment (sign_seen_at)
    where sign_seen_at is not null and sign_confirmed_at is null;
create index shipment_unsettled on tracking.shipment (shipment_id) where unsettled;
create index shipment_waybill_no on tracking.shipment (waybill_no);

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
create index shipment_waybill_search
    on tracking.shipment_waybill (reverse(upper(waybill_no)) text_pattern_ops);

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
    decided_by text not null default '',
    earlier_life boolean not null default false,
    withdrawn_at timestamptz,
    primary key (shipment_id, occurred_at, event_hash)
);
comment on table tracking.trace_event is
    'One scan, once. No foreign key: loading checks its shipment in the same transaction.';
comment on column tracking.trace_event.decided_by is
    'What decided its status: action, owner, model or the id of a rule.';
comment on column tracking.trace_event.earlier_life is
    'More than 48 hours older than the shipping: it belongs to an earlier parcel with this number.';
comment on column tracking.trace_event.withdrawn_at is
    'When a newer reply no longer held it; since then it is no evidence.';
create index trace_event_future on tracking.trace_event (occurred_at) where future_dated;
create index trace_event_fetched on tracking.trace_event using brin (fetched_at);

create table tracking.rejected_event (
    order_id bigint not null references tracking.tracked_order,
    consignment_id text not null,
    waybill_no text,
    occurred_at_text text not null,
    description text not null,
    reason text not null,
    fetched_at timestamptz not null,
    event_hash bigint not null,
    readable_since timestamptz,
    primary key (order_id, consignment_id, event_hash)
);
comment on table tracking.rejected_event is 'Steps of replies that cannot become trace events.';
comment on column tracking.rejected_event.readable_since is
    'When a replay found that the rules of its day read it; null: it is rejected.';
comment on column tracking.rejected_event.event_hash is
    'Over time, description and reason, so that a repeated reply adds nothing.';

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
create index trace_reply_order on tracking.trace_reply (order_id);
create index trace_reply_quarantined on tracking.trace_reply (order_id)
    where quarantined_at is not null;
create index trace_reply_waiting on tracking.trace_reply (reply_id)
    where loaded_at is null and quarantined_at is null;

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
create index status_change_failed on tracking.status_change (shipment_id, to_status, occurred_at)
    where to_status in ('delivery_failed', 'returned', 'exception');
create index status_change_signed on tracking.status_change (detected_at)
    where to_status = 'signed';

create table tracking.notification (
    notification_id bigint generated always as identity primary key,
    event_id uuid not null,
    shipment_id bigint references tracking.shipment,
    audience text not null default 'all',
    channel text not null default '',
    reason text not null,
    state text not null check (state in ('pending', 'sent', 'dead', 'suppressed')),
    attempts integer not null default 0,
    created_at timestamptz not null,
    due_at timestamptz,
    sent_at timestamptz,
    last_error text,
    digest boolean not null default false,
    lease_owner text,
    lease_until timestamptz,
    lease_token bigint not null default 0,
    from_status text,
    message_id uuid,
    unique (event_id, audience, channel)
);
comment on table tracking.notification is
    'The outbox. No channel: not yet addressed. A null due_at: held until a sign is confirmed.';
comment on column tracking.notification.shipment_id is
    'The parcel that it tells of; null: it tells of an alert, or of its end.';
comment on column tracking.notification.digest is
    'An alarm, sent together with others; else a notice of its own.';
comment on column tracking.notification.from_status is
    'The status that was announced before; null: that of the status change.';
comment on column tracking.notification.message_id is
    'The digest that it is sent in, stored before that is sent; null: none.';
create index notification_dead on tracking.notification (audience, channel) where state = 'dead';
create index notification_due on tracking.notification (audience, channel, due_at)
    where state = 'pending';
create index notification_leased on tracking.notification (lease_owner)
    where lease_owner is not null;
create index notification_sent on tracking.notification (audience, channel, sent_at)
    where state = 'sent';
create index notification_shipment on tracking.notification (shipment_id, audience, channel);
create index notification_unaddressed on tracking.notification (notification_id)
    where state = 'pending' and channel = '';

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
    outcome text check (outcome in ('signed', 'already', 'changed', 'gone', 'refused', 'failed')),
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
    event_id uuid,
    cleared_event_id uuid,
    unique (shipment_id, stage, since)
);
comment on column tracking.stall.event_id is
    'Of the alarm that tells of it; cleared_event_id: of the notice that it is over.';
create unique index stall_cleared_event on tracking.stall (cleared_event_id);
create unique index stall_event on tracking.stall (event_id);
create index stall_open on tracking.stall (shipment_id) where cleared_at is null;

create table tracking.act (
    act_id bigint generated always as identity primary key,
    acted_at timestamptz not null,
    actor text not null,
    kind text not null check (
        kind in (
            'poll_next', 'stop_tracking', 'resume_tracking', 'acknowledge_stall', 'requeue',
            'mute_incident'
        )
    ),
    order_id bigint,
    subject_id bigint not null,
    subject text not null,
    reason text not null default ''
);
comment on table tracking.act is
    'What people did on the page in Airflow''s UI. No foreign key: it outlives what it names.';
comment on column tracking.act.subject_id is
    'The stall, notification or alert of the kinds acknowledge_stall, requeue and mute_incident, '
    'else the order.';
comment on column tracking.act.subject is 'The same in words, as people know it.';
create index act_order on tracking.act (order_id);
create unique index act_mute on tracking.act (subject_id) where kind = 'mute_incident';
create unique index act_stall on tracking.act (subject_id) where kind = 'acknowledge_stall';

create table tracking.alert (
    alert_id bigint generated always as identity primary key,
    kind text not null,
    account text,
    subject text not null,
    severity text not null,
    opened_at timestamptz not null,
    cleared_at timestamptz,
    told_at timestamptz,
    detail text not null,
    event_id uuid not null,
    cleared_event_id uuid not null,
    muted_at timestamptz
);
comment on table tracking.alert is
    'A trouble of the pipeline itself; while it lasts, one row for each kind and subject.';
comment on column tracking.alert.told_at is
    'When the first channel took it; its notices have event_id, those of its end cleared_event_id.';
comment on column tracking.alert.muted_at is
    'Since when nothing more is sent of it, not its end either.';
create unique index alert_cleared_event on tracking.alert (cleared_event_id);
create unique index alert_event on tracking.alert (event_id);
create unique index alert_open on tracking.alert (kind, subject) where cleared_at is null;

create table tracking.quality_check (
    check_name text primary key,
    severity text not null,
    meaning text not null,
    violations bigint,
    first_rows text,
    error text,
    checked_at timestamptz not null,
    since timestamptz
);
comment on table tracking.quality_check is 'What each check of the warehouse found last.';
comment on column tracking.quality_check.since is
    'Since when it is violated or cannot run; null: all is well.';

create table tracking.feed (
    account text primary key,
    feed text not null,
    cursor_at timestamptz not null,
    trusted_since timestamptz,
    reported bigint not null default 0,
    missed bigint not null default 0,
    last_error text
);
comment on table tracking.feed is
    'How far an account''s change feed was read, and what came of it.';
comment on column tracking.feed.cursor_at is
    'Every change until then was reported, and its order made due.';
comment on column tracking.feed.trusted_since is
    'Since when every reading succeeded; null: orders are asked for as if there were no feed.';
comment on column tracking.feed.reported is 'Changes of open orders that the feed reported.';
comment on column tracking.feed.missed is 'Changes that a poll found and the feed never reported.';

create table tracking.transit_time (
    carrier_code text primary key,
    parcels integer not null,
    early interval,
    late interval,
    learnt_at timestamptz not null
);
comment on table tracking.transit_time is
    'How long parcels usually take from pick-up to out for delivery; the empty code: all carriers.';

create table tracking.stage_time (
    carrier_code text not null,
    stage text not null,
    age_hours double precision not null,
    parcels integer not null,
    p50_hours double precision not null,
    p90_hours double precision not null,
    learnt_from timestamptz not null,
    learnt_at timestamptz not null,
    primary key (carrier_code, stage, age_hours)
);
comment on table tracking.stage_time is
    'After how many hours from the begin of a stage parcels are signed that stayed in it for more '
    'than age_hours; the empty code: all carriers. Hours by the calendar.';

create table tracking.stage_gap (
    carrier_code text not null,
    stage text not null,
    parcels integer not null,
    p90_hours double precision not null,
    quiet_share double precision not null,
    learnt_from timestamptz not null,
    learnt_at timestamptz not null,
    primary key (carrier_code, stage)
);
comment on table tracking.stage_gap is
    'How long parcels stand at one place of a stage: nine tenths of them never longer than '
    'p90_hours, by the calendar.';
comment on column tracking.stage_gap.quiet_share is
    'The share of their time in which they stand for more than half the hours of a stall.';

create table tracking.silent_carrier (
    carrier_code text primary key,
    carrier_name text,
    since timestamptz not null,
    silent_share double precision not null,
    moving integer not null,
    quiet integer not null,
    usual_share double precision,
    examples text
);
comment on table tracking.silent_carrier is
    'Carriers whose parcels stopped moving together; since then those give no alarms of their own.';
comment on column tracking.silent_carrier.silent_share is
    'The share of its moving parcels that had to be quiet; half of it ends the silence.';

create table tracking.shipment_eta (
    shipment_id bigint primary key references tracking.shipment on delete cascade,
    status text not null,
    estimated_at timestamptz not null,
    eta_p50 timestamptz,
    eta_p90 timestamptz,
    eta_basis text,
    expected_by timestamptz,
    delayed_at timestamptz,
    delay_event_id uuid
);
comment on table tracking.shipment_eta is 'When each parcel on its way will be signed.';
comment on column tracking.shipment_eta.status is 'The parcel''s status when it was estimated.';
comment on column tracking.shipment_eta.expected_by is
    'The first eta_p90 that it had; delayed_at: when a run found it unsigned after that.';
comment on column tracking.shipment_eta.delay_event_id is 'Of the notice that it is late.';
create index shipment_eta_known on tracking.shipment_eta (shipment_id)
    where eta_basis is not null;

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

create table tracking.token (
    token_id bigint generated always as identity primary key,
    pair text not null unique,
    account text not null,
    secret bytea,
    expires_at timestamptz,
    refresh_expires_at timestamptz,
    stored_at timestamptz,
    lease_owner text,
    lease_until timestamptz,
    lease_token bigint not null default 0
);
comment on table tracking.token is 'Renewed access tokens.';
comment on column tracking.token.pair is
    'Digest of the pair in the connection, which this one followed: a new one there wins.';
comment on column tracking.token.secret is
    'The token pair, encrypted with the Fernet key; null until the first was stored.';

create table tracking.circuit (
    account text primary key,
    opened_at timestamptz not null,
    failures integer not null,
    reason text not null
);
comment on table tracking.circuit is
    'Accounts whose last lane failed as a whole: the next one asks for a single order first.';

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
    failed_orders integer not null default 0,
    untracked integer not null default 0,
    closures_refused text
);
comment on column tracking.run.closures_refused is
    'Why it closed no order that left the list; empty: it did, null: it was not about closing.';

create table tracking.api_usage (
    run_id text not null,
    account text not null,
    api text not null,
    outcome text not null,
    calls integer not null,
    seconds double precision not null,
    primary key (run_id, account, api, outcome)
);

create table tracking.replay (
    run_id text primary key,
    dry_run boolean not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    last_order_id bigint not null default 0,
    orders integer not null default 0,
    replies integer not null default 0,
    events bigint not null default 0,
    not_rebuilt bigint not null default 0,
    unreadable integer not null default 0,
    waiting integer not null default 0
);
comment on table tracking.replay is 'A run of replay_traces: how far it is and what it read.';
comment on column tracking.replay.last_order_id is
    'Every order up to this one is done; a run that was interrupted goes on behind it.';

create table tracking.replay_difference (
    run_id text not null references tracking.replay,
    kind text not null,
    subject text not null,
    account text not null,
    platform_order_id text not null,
    waybill_no text,
    occurred_at timestamptz,
    description text,
    before text not null,
    after text not null,
    primary key (run_id, kind, subject)
);
comment on table tracking.replay_difference is
    'What a replay reads otherwise than it was stored, each thing once for a run and kind.';

create statistics tracking.notification_waiting (mcv) on state, channel from tracking.notification;
"""

FUNCTIONS = """
create function tracking.is_free(lease_until timestamptz) returns boolean
language sql volatile
return lease_until is null or lease_until < clock_timestamp();
comment on function tracking.is_free is 'Whether a row is leased to nobody.';

create function tracking.backed_off(pause interval, failures integer) returns interval
language sql immutable parallel safe
return pause * power(2, least(failures, 4));
comment on function tracking.backed_off is 'A pause that grows with each failure in a row.';

create function tracking.is_awaited(order_id bigint) returns boolean
language sql stable
return exists (
    select 1
    from tracking.erp_row
    where
        erp_row.order_id = is_awaited.order_id
        and erp_row.closed_at is null
        and erp_row.signed_at is null
);
comment on function tracking.is_awaited is 'Whether an open row of the ERP waits for the order.';

-- The same as domain.waybills.fold.
create function tracking.fold_waybill(waybill_no text) returns text
language sql immutable parallel safe
return nullif(
    upper(
        regexp_replace(
            normalize(waybill_no, nfkc),
            '[[:space:]\u0001-\u0020\u007f\u0085\u00a0\u1680\u200b-\u200f\u2028\u2029\u2060\ufeff]+',
            '',
            'g'
        )
    ),
    ''
);
comment on function tracking.fold_waybill is 'The form in which waybill numbers are compared.';

-- Parts a text as domain.waybills.split and words do. Its body becomes part of the statement that
-- calls it.
create function tracking.waybills_named(shipment_id bigint, typed text)
returns table (waybill_no text)
language sql stable
begin atomic
select shipment_waybill.waybill_no
from tracking.shipment_waybill
where
    shipment_waybill.shipment_id = waybills_named.shipment_id
    and (
        shipment_waybill.waybill_no = waybills_named.typed
        or tracking.fold_waybill(shipment_waybill.waybill_no)
        = tracking.fold_waybill(waybills_named.typed)
        or tracking.fold_waybill(shipment_waybill.waybill_no) in (
            select tracking.fold_waybill(part.waybill_no)
            from
                regexp_split_to_table(waybills_named.typed, '[,;/|、，；／\r\n]+')
                    as part (waybill_no)
        )
        or tracking.fold_waybill(shipment_waybill.waybill_no) in (
            select upper(part.word)
            from
                regexp_split_to_table(normalize(waybills_named.typed, nfkc), '[^0-9A-Za-z]+')
                    as part (word)
        )
        or tracking.fold_waybill(waybills_named.typed) in (
            select tracking.fold_waybill(part.waybill_no)
            from
                regexp_split_to_table(shipment_waybill.waybill_no, '[,;/|、，；／\r\n]+')
                    as part (waybill_no)
        )
    );
end;
comment on function tracking.waybills_named is
    'The numbers of a parcel that a row of the ERP names, alone or among others.';

create function tracking.late_from(status text, expected_by timestamptz) returns timestamptz
language sql immutable parallel safe
return case
    when status in (
        'pending', 'info_received', 'picked_up', 'in_transit', 'out_for_delivery', 'delivery_failed'
    )
        then expected_by
end;
comment on function tracking.late_from is
    'From when on a parcel is later than expected; null: it is not on its way, or waits for its '
    'buyer.';

-- It names parcels as tracking.waybills_named does, but with the rights of the view's owner.
create view tracking.row_eta as
select
    erp_row.erp_key,
    parcels.eta_p50,
    parcels.eta_p90,
    parcels.expected_by
from tracking.erp_row
cross join lateral (
    select
        case when bool_and(shipment_eta.eta_p50 is not null) then max(shipment_eta.eta_p50) end
            as eta_p50,
        case when bool_and(shipment_eta.eta_p90 is not null) then max(shipment_eta.eta_p90) end
            as eta_p90,
        min(tracking.late_from(shipment.status, shipment_eta.expected_by)) as expected_by
    from tracking.order_shipment
    inner join tracking.shipment on order_shipment.shipment_id = shipment.shipment_id
    left join tracking.shipment_eta on shipment.shipment_id = shipment_eta.shipment_id
    where
        order_shipment.order_id = erp_row.order_id
        and order_shipment.superseded_at is null
        and shipment.status not in ('signed', 'cancelled')
        and (
            erp_row.waybill_no is null
            or exists (
                select 1
                from tracking.shipment_waybill
                where
                    shipment_waybill.shipment_id = shipment.shipment_id
                    and (
                        shipment_waybill.waybill_no = erp_row.waybill_no
                        or tracking.fold_waybill(shipment_waybill.waybill_no)
                        = tracking.fold_waybill(erp_row.waybill_no)
                        or tracking.fold_waybill(shipment_waybill.waybill_no) in (
                            select tracking.fold_waybill(part.waybill_no)
                            from
                                regexp_split_to_table(
                                    erp_row.waybill_no, '[,;/|、，；／\r\n]+'
                                ) as part (waybill_no)
                        )
                        or tracking.fold_waybill(shipment_waybill.waybill_no) in (
                            select upper(part.word)
                            from
                                regexp_split_to_table(
                                    normalize(erp_row.waybill_no, nfkc), '[^0-9A-Za-z]+'
                                ) as part (word)
                        )
                        or tracking.fold_waybill(erp_row.waybill_no) in (
                            select tracking.fold_waybill(part.waybill_no)
                            from
                                regexp_split_to_table(
                                    shipment_waybill.waybill_no, '[,;/|、，；／\r\n]+'
                                ) as part (waybill_no)
                        )
                    )
            )
        )
) as parcels
where
    erp_row.closed_at is null
    and erp_row.signed_at is null;
comment on view tracking.row_eta is
    'When the last parcel of each awaited ERP row will be signed; null where one of them has no '
    'estimate. expected_by: from when on the first of them is late.';
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
    for commands in (TABLES, FUNCTIONS, GRANTS):
        op.get_bind().exec_driver_sql(commands)
