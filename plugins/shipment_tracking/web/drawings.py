"""The numbers of the charts view, and their drawings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from shipment_tracking.warehouse.rows import fetch
from shipment_tracking.web import charts, health_rows, pages

DAYS = 30
DETECTION_DAYS = 14
CALL_DAYS = 7
MOST_CARRIERS = 12


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart and the numbers in it."""

    data: charts.Series
    chart: charts.Chart


def _day(at: datetime) -> str:
    """A day of Shanghai below a chart."""
    return f"{at.astimezone(pages.SHANGHAI):%m-%d}"


def drawings(connection: Connection, now: datetime) -> dict[str, Drawing]:
    """The charts by name."""

    def found(name: str, row: type[Any], **binds: Any) -> list[Any]:
        return fetch(connection, f"web_health.{name}", row, now=now, **binds)

    daily = [
        (_day(row.day), (row.shipped, row.signed))
        for row in found("daily", health_rows.Daily, days=DAYS)
    ]
    transit = [
        (row.carrier or "—", (float(row.p50), float(row.p90)))
        for row in found("transit", health_rows.Transit, days=DAYS, most=MOST_CARRIERS)
    ]
    detection = [
        (_day(row.day), (float(row.p50), float(row.p95)))
        for row in found("detection", health_rows.Detection, days=DETECTION_DAYS)
    ]
    calls = [
        (row.account, (row.calls, row.failed))
        for row in found("calls", health_rows.Calls, days=CALL_DAYS)
    ]
    return {
        "daily": Drawing(daily, charts.columns(daily)),
        "transit": Drawing(transit, charts.rows(transit)),
        "detection": Drawing(detection, charts.columns(detection)),
        "calls": Drawing(calls, charts.rows(calls)),
    }
