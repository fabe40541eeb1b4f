"""The rows that the page reads, each with a field for each column of its statement."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Found:
    """An order that a search found; ``order_id`` is null for an ERP row that is not tracked."""

    order_id: int | None
    shipment_id: int | None
    is_whole: bool
    erp_keys: str
    account: str | None
    platform_order_id: str | None
    status: str
    waybill_nos: str | None
    latest_trace: str | None
    latest_trace_at: datetime | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """A tracked order, with when it was and will be polled."""

    order_id: int
    platform: str
    account: str
    platform_order_id: str
    status: str
    priority: int
    first_seen_at: datetime
    closed_at: datetime | None
    last_polled_at: datetime | None
    next_poll_at: datetime | None
    parcels_asked_at: datetime | None
    failures: int
    last_error: str | None
    load_error: str | None
    is_leased: bool


@dataclass(frozen=True, slots=True)
class ErpRow:
    """A row of the ERP."""

    erp_key: str
    waybill_no: str | None
    status: str
    shipped_at: datetime | None
    signed_at: datetime | None
    sign_kind: str | None
    listed: bool
    closed_at: datetime | None
    close_reason: str | None
    shown_at: datetime | None
    problem: str | None
    eta_p50: datetime | None
    eta_p90: datetime | None
    is_late: bool


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel of an order; ``expected_by`` is the first p90 that it had."""

    shipment_id: int
    consignment_id: str
    waybill_no: str | None
    carrier_code: str | None
    carrier_name: str | None
    status: str
    sign_kind: str | None
    signed_at: datetime | None
    sign_seen_at: datetime | None
    sign_confirmed_at: datetime | None
    platform_status: str | None
    platform_status_at: datetime | None
    first_event_at: datetime | None
    last_event_at: datetime | None
    last_event: str | None
    event_count: int
    trace_fetched_at: datetime | None
    superseded_at: datetime | None
    eta_p50: datetime | None
    eta_p90: datetime | None
    eta_basis: str | None
    expected_by: datetime | None
    is_late: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A scan of a parcel; its description is masked."""

    occurred_at: datetime
    status: str
    sign_kind: str | None
    description: str
    city: str | None
    action: str | None
    decided_by: str
    fetched_at: datetime
    future_dated: bool
    earlier_life: bool
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a parcel's status."""

    from_status: str
    to_status: str
    occurred_at: datetime
    detected_at: datetime


@dataclass(frozen=True, slots=True)
class ParcelNotice:
    """A notice about a parcel."""

    notification_id: int
    audience: str
    channel: str
    reason: str
    state: str
    attempts: int
    created_at: datetime
    due_at: datetime | None
    sent_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Writeback:
    """A write to a row of the ERP."""

    erp_key: str
    outcome: str | None
    detail: str | None
    signed_at: datetime
    created_at: datetime
    written_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stall:
    """A stall of a parcel, with who acknowledged it."""

    stall_id: int
    stage: str
    since: datetime
    opened_at: datetime
    cleared_at: datetime | None
    alerted_at: datetime | None
    actor: str | None
    acted_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A step of a reply that could not be loaded."""

    consignment_id: str
    occurred_at_text: str
    description: str
    reason: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """A stored reply, without its body."""

    reply_id: int
    dialect: str
    fetched_at: datetime
    loaded_at: datetime | None
    quarantined_at: datetime | None
    attempts: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class ReplyBody:
    """A stored reply, masked and indented."""

    fetched_at: datetime
    dialect: str
    body: str


@dataclass(frozen=True, slots=True)
class OrderAct:
    """What a user did about an order."""

    acted_at: datetime
    actor: str
    kind: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Act:
    """What a user did."""

    acted_at: datetime
    actor: str
    kind: str
    order_id: int | None
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stage:
    """How many open rows of the ERP have a status, by days since they were shipped."""

    status: str
    day: int
    days: int
    week: int
    older: int
    undated: int
    total: int


@dataclass(frozen=True, slots=True)
class Scopes:
    """How many rows each list holds."""

    open: int
    stalled: int
    exceptions: int
    problems: int
    due: int
    unwritten: int
    unloaded: int
    quarantined: int
    stopped: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many notices wait, and how many were given up."""

    pending: int
    dead: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account, with why it fails as a whole if it does."""

    account: str
    opened_at: datetime | None
    failures: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row of the ERP in a list; ``total`` is the length of the whole list."""

    erp_key: str
    order_id: int | None
    account: str | None
    platform_order_id: str | None
    status: str
    waybill_nos: str | None
    latest_trace: str | None
    latest_trace_at: datetime | None
    shipped_at: datetime | None
    last_polled_at: datetime | None
    next_poll_at: datetime | None
    problem: str | None
    eta_p50: datetime | None
    eta_p90: datetime | None
    is_late: bool
    total: int


@dataclass(frozen=True, slots=True)
class ListedNotice:
    """A notice in a list; ``total`` is the length of the whole list."""

    notification_id: int
    audience: str
    channel: str
    reason: str
    state: str
    attempts: int
    created_at: datetime
    due_at: datetime | None
    last_error: str | None
    waybill_no: str | None
    shipment_id: int | None
    order_id: int | None
    total: int
