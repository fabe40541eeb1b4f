"""The rows of the parts health and charts, each with a field for each column of its statement."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """An open alert of the pipeline itself, with who muted it."""

    alert_id: int
    kind: str
    account: str | None
    subject: str
    severity: str
    opened_at: datetime
    told_at: datetime | None
    detail: str
    can_be_muted: bool
    muted_by: str | None
    muted_at: datetime | None
    muted_because: str | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far an account is polled."""

    account: str
    open: int
    last_polled_at: datetime | None
    due_since: datetime | None
    due: int


@dataclass(frozen=True, slots=True)
class Quota:
    """The calls that an app key may make in a day, and made lately; of the key its last digits."""

    gateway: str
    app_key: str
    qps: float | None
    daily: float | None
    blocked_until: datetime | None
    accounts: str | None
    calls: int


@dataclass(frozen=True, slots=True)
class LastRun:
    """A run of the pipeline."""

    run_id: str
    run_type: str
    started_at: datetime
    ended_at: datetime | None
    due: int
    polled: int
    left_over: int
    events_new: int
    changes: int
    signed: int
    notices_sent: int
    failed_orders: int
    untracked: int
    calls: int


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel's notices."""

    audience: str
    channel: str
    pending: int
    dead: int
    sent: int
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Feed:
    """An account's change feed."""

    account: str
    feed: str
    cursor_at: datetime
    trusted_since: datetime | None
    reported: int
    missed: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Token:
    """When an account's stored token ends."""

    account: str
    stored_at: datetime
    expires_at: datetime | None
    refresh_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Daily:
    """Rows of the ERP shipped and signed on a day of Shanghai."""

    day: datetime
    shipped: int
    signed: int


@dataclass(frozen=True, slots=True)
class Transit:
    """Hours from the first scan to the signature with a carrier."""

    carrier: str
    parcels: int
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Detection:
    """Minutes from a signature to its detection on a day of Shanghai."""

    day: datetime
    signatures: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Calls:
    """An account's calls to its platform."""

    account: str
    calls: int
    failed: int
