"""What the warehouse says of one day, for the daily report; and who has had that report."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Engine

from shipment_tracking.channels.port import OPS, Channels
from shipment_tracking.domain import days
from shipment_tracking.statements import query
from shipment_tracking.warehouse.outbox import Outbox
from shipment_tracking.warehouse.rows import fetch

TREND_DAYS = 7
"""Days of the chart, the report's own one the last."""
CARRIER_SPAN = timedelta(days=30)
"""Signatures of so many days, the report's own one the last, say how slow a carrier is."""
FEWEST_PARCELS = 5
"""Fewer signed parcels say nothing of a carrier."""
MOST_ROWS = 50_000
"""Rows of a list; a sheet of a spreadsheet holds a million."""

EVENT_IDS = UUID("5b0a2f61-6a3f-5d52-8f0e-3a1f0c7d9e44")
SENT_FOR = 6
"""A report of an earlier day is not sent any more; notices are kept for longer than these days."""

_OWN = {"due", "waiting"}


@dataclass(frozen=True, slots=True)
class DailyRow:
    """What the parcels of an account and a carrier did on a day in Shanghai."""

    day: date
    account: str
    carrier_code: str | None
    carrier_name: str | None
    shipped: int
    picked_up: int
    signed: int
    failed: int
    returned: int
    exceptions: int


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """A parcel that got into trouble on the day; ``became`` is the status, then."""

    account: str
    erp_keys: str | None
    platform_order_ids: str | None
    waybill_no: str | None
    carrier_name: str | None
    became: str
    occurred_at: datetime
    status_now: str
    last_event: str | None


@dataclass(frozen=True, slots=True)
class CarrierRow:
    """How many hours a carrier takes from pick-up to signature, for 50 and 90 % of ``parcels``."""

    carrier_code: str | None
    carrier_name: str | None
    parcels: int
    hours_p50: float
    hours_p90: float


@dataclass(frozen=True, slots=True)
class StageRow:
    """The stalls of a stage: open at the day's end, begun and ended on the day."""

    stage: str
    still_open: int
    opened: int
    cleared: int
    oldest_since: datetime | None


@dataclass(frozen=True, slots=True)
class StallRow:
    """A parcel that was stalled at the day's end."""

    stage: str
    account: str
    erp_keys: str | None
    platform_order_ids: str | None
    waybill_no: str | None
    carrier_name: str | None
    since: datetime
    opened_at: datetime
    last_event: str | None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """A trouble of the pipeline itself that lasted on the day; ``cleared_at``: by its end."""

    kind: str
    account: str | None
    subject: str
    severity: str
    opened_at: datetime
    cleared_at: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class RunsRow:
    """What the day's runs did together; what the last of them left over and did not track."""

    runs: int
    polled: int
    events_new: int
    changes: int
    signed: int
    notices_sent: int
    failed_orders: int
    left_over: int
    untracked: int


@dataclass(frozen=True, slots=True)
class FreshnessRow:
    """The delays of an account on the day, in minutes."""

    account: str
    changes: int
    detection_p50: float | None
    detection_p95: float | None
    signatures_written: int
    sign_to_erp_p50: float | None
    sign_to_erp_p95: float | None


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """How many ERP rows the warehouse and the ERP do not agree on, now."""

    difference: str
    erp_rows: int


@dataclass(frozen=True, slots=True)
class ReconciliationRow:
    """An ERP row that the warehouse and the ERP do not agree on, now."""

    difference: str
    account: str
    erp_key: str
    platform_order_id: str | None
    status: str | None
    signed_at: datetime | None
    outcome: str | None
    detail: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report of a day says."""

    day: date
    daily: Sequence[DailyRow]
    exceptions: Sequence[ExceptionRow]
    slowest_carriers: Sequence[CarrierRow]
    stages: Sequence[StageRow]
    stalls: Sequence[StallRow]
    alerts: Sequence[AlertRow]
    runs: Sequence[RunsRow]
    freshness: Sequence[FreshnessRow]
    differences: Sequence[DifferenceRow]
    reconciliation: Sequence[ReconciliationRow]


def binds_of(day: date) -> dict[str, Any]:
    """What the statements of a day's report take."""
    return {
        "day": day,
        "day_begins": days.begin(day),
        "day_ends": days.end(day),
        "days": TREND_DAYS,
        "span": CARRIER_SPAN,
        "fewest": FEWEST_PARCELS,
        "most": MOST_ROWS,
    }


def read(warehouse: Engine, day: date) -> Facts:
    """Everything of a day in Shanghai, as of one moment; the reconciliation as of now."""
    binds = binds_of(day)
    with warehouse.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():

            def rows(name: str, row: type[Any]) -> list[Any]:
                return fetch(connection, f"report.{name}", row, **binds)

            return Facts(
                day=day,
                daily=rows("daily", DailyRow),
                exceptions=rows("exceptions", ExceptionRow),
                slowest_carriers=rows("slowest_carriers", CarrierRow),
                stages=rows("stages", StageRow),
                stalls=rows("stalls", StallRow),
                alerts=rows("alerts", AlertRow),
                runs=rows("runs", RunsRow),
                freshness=rows("freshness", FreshnessRow),
                differences=rows("differences", DifferenceRow),
                reconciliation=rows("reconciliation", ReconciliationRow),
            )


def event_id(day: date) -> UUID:
    """The id of a day's report: the same however often it is sent."""
    return uuid5(EVENT_IDS, day.isoformat())


def days_sent(now: datetime) -> dict[UUID, date]:
    """The days whose report may be sent at an aware time, by the report's id."""
    last = days.yesterday(now)
    return {event_id(day): day for day in (last - timedelta(days=n) for n in range(SENT_FOR))}


@dataclass(frozen=True, slots=True)
class ReportOutbox(Outbox):
    """The notices of reports, which have no parcel and go to ops alone."""

    digest: bool = True

    def address_to(self, connection: Connection, channels: Channels, day: date) -> None:
        """Give the day's report a notice for each channel, unless it is sent no more."""
        self._execute(connection, "lock")
        binds = {
            "event_id": event_id(day),
            "events": list(days_sent(self.now)),
            "channels": [each.channel_name for each in channels.destinations],
            "is_broken": OPS in channels.broken,
        }
        connection.execute(query("report.address"), {"now": self.now} | binds)

    def wanting(self, connection: Connection, names: Collection[str], day: date) -> list[str]:
        """The channels of ops that have not had the day's report, of those named."""
        binds = {"event_id": event_id(day), "channels": list(names)}
        return list(connection.execute(query("report.wanting"), binds).scalars())

    def _execute(self, connection: Connection, name: str, **binds: Any) -> Any:
        module = "report" if name in _OWN else "outbox"
        given = {"now": self.now, "digest": self.digest, **binds}
        return connection.execute(query(f"{module}.{name}"), given)
