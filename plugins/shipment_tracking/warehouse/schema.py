"""
The tables of the ``tracking`` schema as they are now.

The migrations build them and a test compares the two. A change starts here; ``alembic`` then says
what a migration has to do. Comments of tables and columns stand in the migrations.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    Label,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

TIME = DateTime(timezone=True)


def _reversed(name: str, expression: str) -> Index:
    """An index for what ends with something."""
    ended: Label[str] = literal_column(expression).label("ended")
    return Index(name, ended, postgresql_ops={"ended": "text_pattern_ops"})


metadata = MetaData(schema="tracking")

tracked_order = Table(
    "tracked_order",
    metadata,
    Column("order_id", BigInteger, Identity(always=True), primary_key=True),
    Column("platform", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("platform_order_id", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),
    Column("status", Text, nullable=False, server_default="pending"),
    Column("all_signed", Boolean, nullable=False, server_default=text("false")),
    Column("has_unshipped_lines", Boolean),
    Column("first_seen_at", TIME, nullable=False),
    Column("closed_at", TIME),
    Column("ask_parcels_at", TIME),
    Column("parcels_asked_at", TIME),
    Column("next_poll_at", TIME),
    Column("last_polled_at", TIME),
    Column("traces_seen_at", TIME),
    Column("backfill_at", TIME),
    Column("fingerprint", Text),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("trace_failures", Integer, nullable=False, server_default=text("0")),
    Column("last_error", Text),
    Column("load_error", Text),
    Column("lease_owner", Text),
    Column("lease_until", TIME),
    Column("lease_token", BigInteger, nullable=False, server_default=text("0")),
    Column("reopened_at", TIME),
    Column("quiet_since", TIME),
    Column("pruned_at", TIME),
    Column("changed_at", TIME),
    Column("reported_at", TIME),
    Column("unreported_at", TIME),
    UniqueConstraint("platform", "account", "platform_order_id"),
    Index(
        "tracked_order_ask_parcels",
        "account",
        "ask_parcels_at",
        postgresql_where=text("closed_at is null"),
    ),
    Index(
        "tracked_order_backfill",
        "account",
        "backfill_at",
        postgresql_where=text("backfill_at is not null"),
    ),
    Index("tracked_order_closed", "closed_at", postgresql_where=text("closed_at is not null")),
    Index(
        "tracked_order_due", "account", "next_poll_at", postgresql_where=text("closed_at is null")
    ),
    Index(
        "tracked_order_platform_order_id",
        "platform_order_id",
        postgresql_where=text("closed_at is null"),
    ),
    Index(
        "tracked_order_prunable",
        "order_id",
        "closed_at",
        postgresql_where=text("closed_at is not null and parcels_asked_at is not null"),
    ),
    Index(
        "tracked_order_quiet",
        "order_id",
        postgresql_where=text("quiet_since is not null and closed_at is null"),
    ),
    _reversed("tracked_order_search", "reverse(platform_order_id)"),
    Index(
        "tracked_order_unreported", "account", postgresql_where=text("unreported_at is not null")
    ),
)

erp_row = Table(
    "erp_row",
    metadata,
    Column("erp_key", Text, primary_key=True),
    Column("order_id", BigInteger, ForeignKey("tracking.tracked_order.order_id")),
    Column("platform", Text),
    Column("account", Text),
    Column("platform_order_id", Text),
    Column("waybill_no", Text),
    Column("shipped_at", TIME),
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),
    Column("erp_stamp", Text),
    Column("listed", Boolean, nullable=False),
    Column("status", Text, nullable=False, server_default="pending"),
    Column("parcels", Integer, nullable=False, server_default=text("0")),
    Column("parcels_signed", Integer, nullable=False, server_default=text("0")),
    Column("signed_at", TIME),
    Column("first_seen_at", TIME, nullable=False),
    Column("closed_at", TIME),
    Column("close_reason", Text),
    Column("last_error", Text),
    Column("sign_kind", Text),
    Column("sign_event", Uuid),
    Column("settled_event", Uuid),
    Column("latest_trace", Text),
    Column("latest_trace_at", TIME),
    Column("waybill_nos", Text),
    Column("trace_changed", Boolean, nullable=False, server_default=text("false")),
    Column("sign_error", Text),
    Column("shown_at", TIME),
    Column("trace_error", Text),
    Column("promised_at", TIME),
    Index("erp_row_listed", "erp_key", postgresql_where=text("listed")),
    Index("erp_row_open", "order_id", postgresql_where=text("closed_at is null")),
    Index("erp_row_order", "order_id"),
    _reversed("erp_row_search", "reverse(upper(erp_key))"),
    Index("erp_row_shipped", "shipped_at"),
    Index("erp_row_signed", "signed_at", postgresql_where=text("signed_at is not null")),
    Index("erp_row_stopped", "erp_key", postgresql_where=text("close_reason = 'stopped'")),
    Index("erp_row_trace_changed", "erp_key", postgresql_where=text("trace_changed")),
    Index(
        "erp_row_unwritten",
        "erp_key",
        postgresql_where=text(
            "((sign_event IS NOT NULL) AND (sign_event IS DISTINCT FROM settled_event))"
        ),
    ),
)

shipment = Table(
    "shipment",
    metadata,
    Column("shipment_id", BigInteger, Identity(always=True), primary_key=True),
    Column("account", Text, nullable=False),
    Column("consignment_id", Text, nullable=False),
    Column("waybill_no", Text),
    Column("carrier_code", Text),
    Column("carrier_name", Text),
    Column("platform_code", Text),
    Column("platform_status", Text),
    Column("platform_status_since", TIME),
    Column("platform_status_at", TIME),
    Column("platform_announce", Boolean, nullable=False, server_default=text("true")),
    Column("status", Text, nullable=False, server_default="pending"),
    Column("sign_kind", Text),
    Column("signed_at", TIME),
    Column("sign_seen_at", TIME),
    Column("sign_confirmed_at", TIME),
    Column("first_event_at", TIME),
    Column("last_event_at", TIME),
    Column("last_event", Text),
    Column("event_count", Integer, nullable=False, server_default=text("0")),
    Column("unsettled", Boolean, nullable=False, server_default=text("true")),
    Column("sign_was_confirmed", Boolean, nullable=False, server_default=text("false")),
    Column("trace_fetched_at", TIME),
    Column("trace_since", TIME),
    Column("trace_waybill_no", Text),
    Column("announced_status", Text, nullable=False, server_default="pending"),
    Column("last_event_status", Text),
    Column("router_code", Text),
    Column("picked_up_at", TIME),
    Column("out_for_delivery_at", TIME),
    Column("origin_city", Text),
    Column("last_city", Text),
    UniqueConstraint("account", "consignment_id"),
    Index(
        "shipment_confirmed",
        "sign_confirmed_at",
        postgresql_where=text("sign_confirmed_at is not null"),
    ),
    Index(
        "shipment_sign_withdrawn",
        "shipment_id",
        postgresql_where=text("sign_was_confirmed and status <> 'signed'"),
    ),
    Index(
        "shipment_unconfirmed",
        "sign_seen_at",
        postgresql_where=text("sign_seen_at is not null and sign_confirmed_at is null"),
    ),
    Index("shipment_unsettled", "shipment_id", postgresql_where=text("unsettled")),
    Index("shipment_waybill_no", "waybill_no"),
)

order_shipment = Table(
    "order_shipment",
    metadata,
    Column("order_id", BigInteger, ForeignKey("tracking.tracked_order.order_id"), primary_key=True),
    Column(
        "shipment_id", BigInteger, ForeignKey("tracking.shipment.shipment_id"), primary_key=True
    ),
    Column("first_seen_at", TIME, nullable=False),
    Column("listed_at", TIME),
    Column("superseded_at", TIME),
    Index("order_shipment_shipment", "shipment_id"),
)

shipment_waybill = Table(
    "shipment_waybill",
    metadata,
    Column(
        "shipment_id", BigInteger, ForeignKey("tracking.shipment.shipment_id"), primary_key=True
    ),
    Column("waybill_no", Text, primary_key=True),
    Column("first_seen_at", TIME, nullable=False),
    Index("shipment_waybill_waybill", "waybill_no"),
    _reversed("shipment_waybill_search", "reverse(upper(waybill_no))"),
)

trace_event = Table(
    "trace_event",
    metadata,
    Column("shipment_id", BigInteger, primary_key=True),
    Column("occurred_at", TIME, primary_key=True),
    Column("event_hash", BigInteger, primary_key=True),
    Column("hash_version", SmallInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("future_dated", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("sign_kind", Text),
    Column("description", Text, nullable=False),
    Column("city", Text),
    Column("action", Text),
    Column("fetched_at", TIME, nullable=False),
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("earlier_life", Boolean, nullable=False, server_default=text("false")),
    Column("withdrawn_at", TIME),
    Index("trace_event_future", "occurred_at", postgresql_where=text("future_dated")),
    Index("trace_event_fetched", "fetched_at", postgresql_using="brin"),
)

rejected_event = Table(
    "rejected_event",
    metadata,
    Column("order_id", BigInteger, ForeignKey("tracking.tracked_order.order_id"), primary_key=True),
    Column("consignment_id", Text, primary_key=True),
    Column("waybill_no", Text),
    Column("occurred_at_text", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fetched_at", TIME, nullable=False),
    Column("event_hash", BigInteger, primary_key=True),
    Column("readable_since", TIME),
)

trace_reply = Table(
    "trace_reply",
    metadata,
    Column("reply_id", BigInteger, Identity(always=True), primary_key=True),
    Column("order_id", BigInteger, ForeignKey("tracking.tracked_order.order_id"), nullable=False),
    Column("dialect", Text, nullable=False),
    Column("fetched_at", TIME, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("announce", Boolean, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("last_error", Text),
    Column("loaded_at", TIME),
    Column("quarantined_at", TIME),
    Index("trace_reply_order", "order_id"),
    Index(
        "trace_reply_quarantined",
        "order_id",
        postgresql_where=text("quarantined_at is not null"),
    ),
    Index(
        "trace_reply_waiting",
        "reply_id",
        postgresql_where=text("loaded_at is null and quarantined_at is null"),
    ),
)

status_change = Table(
    "status_change",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("shipment_id", BigInteger, ForeignKey("tracking.shipment.shipment_id"), nullable=False),
    Column("from_status", Text, nullable=False),
    Column("to_status", Text, nullable=False),
    Column("occurred_at", TIME, nullable=False),
    Column("detected_at", TIME, nullable=False),
    Column("run_id", Text, nullable=False),
    Index(
        "status_change_failed",
        "shipment_id",
        "to_status",
        "occurred_at",
        postgresql_where=text("to_status = any(array['delivery_failed', 'returned', 'exception'])"),
    ),
    Index("status_change_shipment", "shipment_id", "detected_at"),
    Index("status_change_signed", "detected_at", postgresql_where=text("to_status = 'signed'")),
)

notification = Table(
    "notification",
    metadata,
    Column("notification_id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("shipment_id", BigInteger, ForeignKey("tracking.shipment.shipment_id")),
    Column("audience", Text, nullable=False, server_default="all"),
    Column("channel", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("created_at", TIME, nullable=False),
    Column("due_at", TIME),
    Column("sent_at", TIME),
    Column("last_error", Text),
    Column("digest", Boolean, nullable=False, server_default=text("false")),
    Column("lease_owner", Text),
    Column("lease_until", TIME),
    Column("lease_token", BigInteger, nullable=False, server_default=text("0")),
    Column("from_status", Text),
    Column("message_id", Uuid),
    UniqueConstraint("event_id", "audience", "channel"),
    Index("notification_dead", "audience", "channel", postgresql_where=text("state = 'dead'")),
    Index(
        "notification_due",
        "audience",
        "channel",
        "due_at",
        postgresql_where=text("state = 'pending'"),
    ),
    Index("notification_leased", "lease_owner", postgresql_where=text("lease_owner is not null")),
    Index(
        "notification_sent",
        "audience",
        "channel",
        "sent_at",
        postgresql_where=text("state = 'sent'"),
    ),
    Index("notification_shipment", "shipment_id", "audience", "channel"),
    Index(
        "notification_unaddressed",
        "notification_id",
        postgresql_where=text("state = 'pending' and channel = ''"),
    ),
)

erp_writeback = Table(
    "erp_writeback",
    metadata,
    Column("writeback_id", BigInteger, Identity(always=True), primary_key=True),
    Column("erp_key", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("platform_order_id", Text, nullable=False),
    Column("waybill_no", Text, nullable=False, server_default=""),
    Column("source_event", Uuid, nullable=False),
    Column("signed_at", TIME, nullable=False),
    Column("sign_kind", Text),
    Column("before", JSONB, nullable=False),
    Column("outcome", Text),
    Column("detail", Text),
    Column("run_id", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("written_at", TIME),
    UniqueConstraint("erp_key", "waybill_no", "source_event"),
)

stall = Table(
    "stall",
    metadata,
    Column("stall_id", BigInteger, Identity(always=True), primary_key=True),
    Column("shipment_id", BigInteger, ForeignKey("tracking.shipment.shipment_id"), nullable=False),
    Column("stage", Text, nullable=False),
    Column("since", TIME, nullable=False),
    Column("threshold_hours", Numeric, nullable=False),
    Column("opened_at", TIME, nullable=False),
    Column("cleared_at", TIME),
    Column("alerted_at", TIME),
    Column("event_id", Uuid),
    Column("cleared_event_id", Uuid),
    UniqueConstraint("shipment_id", "stage", "since"),
    Index("stall_cleared_event", "cleared_event_id", unique=True),
    Index("stall_event", "event_id", unique=True),
    Index("stall_open", "shipment_id", postgresql_where=text("cleared_at is null")),
)

act = Table(
    "act",
    metadata,
    Column("act_id", BigInteger, Identity(always=True), primary_key=True),
    Column("acted_at", TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_id", BigInteger),
    Column("subject_id", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Index("act_mute", "subject_id", unique=True, postgresql_where=text("kind = 'mute_incident'")),
    Index("act_order", "order_id"),
    Index(
        "act_stall",
        "subject_id",
        unique=True,
        postgresql_where=text("kind = 'acknowledge_stall'"),
    ),
)

alert = Table(
    "alert",
    metadata,
    Column("alert_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("account", Text),
    Column("subject", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("opened_at", TIME, nullable=False),
    Column("cleared_at", TIME),
    Column("told_at", TIME),
    Column("detail", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("cleared_event_id", Uuid, nullable=False),
    Column("muted_at", TIME),
    Index("alert_cleared_event", "cleared_event_id", unique=True),
    Index("alert_event", "event_id", unique=True),
    Index(
        "alert_open", "kind", "subject", unique=True, postgresql_where=text("cleared_at is null")
    ),
)

quality_check = Table(
    "quality_check",
    metadata,
    Column("check_name", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    Column("meaning", Text, nullable=False),
    Column("violations", BigInteger),
    Column("first_rows", Text),
    Column("error", Text),
    Column("checked_at", TIME, nullable=False),
    Column("since", TIME),
)

feed = Table(
    "feed",
    metadata,
    Column("account", Text, primary_key=True),
    Column("feed", Text, nullable=False),
    Column("cursor_at", TIME, nullable=False),
    Column("trusted_since", TIME),
    Column("reported", BigInteger, nullable=False, server_default=text("0")),
    Column("missed", BigInteger, nullable=False, server_default=text("0")),
    Column("last_error", Text),
)

transit_time = Table(
    "transit_time",
    metadata,
    Column("carrier_code", Text, primary_key=True),
    Column("parcels", Integer, nullable=False),
    Column("early", Interval),
    Column("late", Interval),
    Column("learnt_at", TIME, nullable=False),
)

stage_time = Table(
    "stage_time",
    metadata,
    Column("carrier_code", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("age_hours", Double, primary_key=True),
    Column("parcels", Integer, nullable=False),
    Column("p50_hours", Double, nullable=False),
    Column("p90_hours", Double, nullable=False),
    Column("learnt_from", TIME, nullable=False),
    Column("learnt_at", TIME, nullable=False),
)

stage_gap = Table(
    "stage_gap",
    metadata,
    Column("carrier_code", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("parcels", Integer, nullable=False),
    Column("p90_hours", Double, nullable=False),
    Column("quiet_share", Double, nullable=False),
    Column("learnt_from", TIME, nullable=False),
    Column("learnt_at", TIME, nullable=False),
)

silent_carrier = Table(
    "silent_carrier",
    metadata,
    Column("carrier_code", Text, primary_key=True),
    Column("carrier_name", Text),
    Column("since", TIME, nullable=False),
    Column("silent_share", Double, nullable=False),
    Column("moving", Integer, nullable=False),
    Column("quiet", Integer, nullable=False),
    Column("usual_share", Double),
    Column("examples", Text),
)

shipment_eta = Table(
    "shipment_eta",
    metadata,
    Column(
        "shipment_id",
        BigInteger,
        ForeignKey("tracking.shipment.shipment_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("status", Text, nullable=False),
    Column("estimated_at", TIME, nullable=False),
    Column("eta_p50", TIME),
    Column("eta_p90", TIME),
    Column("eta_basis", Text),
    Column("expected_by", TIME),
    Column("delayed_at", TIME),
    Column("delay_event_id", Uuid),
    Index("shipment_eta_known", "shipment_id", postgresql_where=text("eta_basis is not null")),
)

api_quota = Table(
    "api_quota",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("app_key", Text, primary_key=True),
    Column("share", Text, primary_key=True),
    Column("spacing", Double, nullable=False),
    Column("next_at", TIME, nullable=False),
    Column("blocked_until", TIME),
)

api_quota_account = Table(
    "api_quota_account",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("app_key", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("qps", Double, nullable=False),
    Column("seen_at", TIME, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("token_id", BigInteger, Identity(always=True), primary_key=True),
    Column("pair", Text, nullable=False, unique=True),
    Column("account", Text, nullable=False),
    Column("secret", LargeBinary),
    Column("expires_at", TIME),
    Column("refresh_expires_at", TIME),
    Column("stored_at", TIME),
    Column("lease_owner", Text),
    Column("lease_until", TIME),
    Column("lease_token", BigInteger, nullable=False, server_default=text("0")),
)

circuit = Table(
    "circuit",
    metadata,
    Column("account", Text, primary_key=True),
    Column("opened_at", TIME, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("reason", Text, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("run_type", Text, nullable=False),
    Column("started_at", TIME, nullable=False),
    Column("ended_at", TIME),
    Column("due", Integer, nullable=False, server_default=text("0")),
    Column("polled", Integer, nullable=False, server_default=text("0")),
    Column("left_over", Integer, nullable=False, server_default=text("0")),
    Column("events_new", BigInteger, nullable=False, server_default=text("0")),
    Column("events_duplicate", BigInteger, nullable=False, server_default=text("0")),
    Column("changes", Integer, nullable=False, server_default=text("0")),
    Column("signed", Integer, nullable=False, server_default=text("0")),
    Column("notices_sent", Integer, nullable=False, server_default=text("0")),
    Column("failed_orders", Integer, nullable=False, server_default=text("0")),
    Column("untracked", Integer, nullable=False, server_default=text("0")),
    Column("closures_refused", Text),
)

replay = Table(
    "replay",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("dry_run", Boolean, nullable=False),
    Column("started_at", TIME, nullable=False),
    Column("ended_at", TIME),
    Column("last_order_id", BigInteger, nullable=False, server_default=text("0")),
    Column("orders", Integer, nullable=False, server_default=text("0")),
    Column("replies", Integer, nullable=False, server_default=text("0")),
    Column("events", BigInteger, nullable=False, server_default=text("0")),
    Column("not_rebuilt", BigInteger, nullable=False, server_default=text("0")),
    Column("unreadable", Integer, nullable=False, server_default=text("0")),
    Column("waiting", Integer, nullable=False, server_default=text("0")),
)

replay_difference = Table(
    "replay_difference",
    metadata,
    Column("run_id", Text, ForeignKey("tracking.replay.run_id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("platform_order_id", Text, nullable=False),
    Column("waybill_no", Text),
    Column("occurred_at", TIME),
    Column("description", Text),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
)

api_usage = Table(
    "api_usage",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("api", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
)
