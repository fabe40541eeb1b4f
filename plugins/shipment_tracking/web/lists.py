"""The lists of orders and notices: what is in them, in which order, and as CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection

from shipment_tracking.domain.spreadsheets import MARK, cell
from shipment_tracking.domain.statuses import Status
from shipment_tracking.warehouse.rows import fetch, fetch_sorted
from shipment_tracking.web import rows

PAGE = 50
MOST_EXPORTED = 50_000
LAST_PAGE = 10_000

SCOPES = (
    "open",
    "stalled",
    "exceptions",
    "problems",
    "due",
    "unloaded",
    "quarantined",
    "unwritten",
    "stopped",
)
EXCEPTIONS = ("exception", "delivery_failed", "returning", "returned")
STATUSES = tuple(map(str, Status))
AGES: dict[str, tuple[float | None, float | None]] = {
    "day": (None, 1),
    "days": (1, 3),
    "week": (3, 7),
    "older": (7, None),
}
"""Days since the shipping, from and until; ``undated`` is a row without that time."""
UNDATED = "undated"
NOTICE_STATES = ("dead", "pending")

SORTS = {
    "shipped": "erp_row.shipped_at",
    "key": "erp_row.erp_key",
    "account": "erp_row.account",
    "status": "erp_row.status",
    "news": "erp_row.latest_trace_at",
    "next": "tracked_order.next_poll_at",
}
"""What a list is sorted by; ours, never what was typed."""

ORDER_COLUMNS = (
    "erp_key",
    "account",
    "platform_order_id",
    "status",
    "waybill_nos",
    "shipped_at",
    "latest_trace_at",
    "latest_trace",
    "next_poll_at",
    "eta_p50",
    "eta_p90",
    "is_late",
    "problem",
)
NOTICE_COLUMNS = (
    "notification_id",
    "audience",
    "channel",
    "reason",
    "state",
    "attempts",
    "created_at",
    "due_at",
    "waybill_no",
    "last_error",
)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of orders holds; anything unknown in the address counts as not given."""

    scope: str = "open"
    status: str = ""
    age: str = ""
    account: str = ""
    sort: str = "shipped"
    descending: bool = False
    page: int = 1

    @classmethod
    def read(cls, given: Any) -> "Filter":
        """:param given: the parameters of the address."""

        def one_of(name: str, known: Sequence[str], otherwise: str) -> str:
            value = given.get(name, "")
            return value if value in known else otherwise

        return cls(
            scope=one_of("scope", SCOPES, "open"),
            status=one_of("status", STATUSES, ""),
            age=one_of("age", (*AGES, UNDATED), ""),
            account=_name(given, "account"),
            sort=one_of("sort", tuple(SORTS), "shipped"),
            descending=given.get("down") == "1",
            page=page_number(given.get("page", "")),
        )

    def address(self, **changes: Any) -> str:
        """The parameters of the list with other fields."""
        other = replace(self, **{"page": 1, **changes})
        fields = {
            "scope": other.scope,
            "status": other.status,
            "age": other.age,
            "account": other.account,
            "sort": "" if other.sort == "shipped" else other.sort,
            "down": "1" if other.descending else "",
            "page": str(other.page) if other.page > 1 else "",
        }
        return urlencode({name: value for name, value in fields.items() if value})

    def binds(self, now: datetime) -> dict[str, Any]:
        """What the statement takes."""
        from_days, until_days = AGES.get(self.age, (None, None))
        return {
            "now": now,
            "scope": self.scope,
            "exceptions": list(EXCEPTIONS),
            "account": self.account or None,
            "status": self.status or None,
            "shipped_after": now - timedelta(days=until_days) if until_days else None,
            "shipped_until": now - timedelta(days=from_days) if from_days else None,
            "undated": self.age == UNDATED,
        }


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """What a list of notices holds; anything unknown in the address counts as not given."""

    state: str
    channel: str = ""
    account: str = ""
    page: int = 1

    @classmethod
    def read(cls, given: Any) -> "NoticeFilter":
        """:param given: the parameters of the address."""
        state = given.get("state", "")
        return cls(
            state=state if state in NOTICE_STATES else NOTICE_STATES[0],
            channel=_name(given, "channel"),
            account=_name(given, "account"),
            page=page_number(given.get("page", "")),
        )

    def address(self, **changes: Any) -> str:
        """The parameters of the list with other fields."""
        other = replace(self, **{"page": 1, **changes})
        fields = {
            "state": other.state,
            "channel": other.channel,
            "account": other.account,
            "page": str(other.page) if other.page > 1 else "",
        }
        return urlencode({name: value for name, value in fields.items() if value})


def _name(given: Any, field: str) -> str:
    return str(given.get(field, "")).replace("\0", "")[:200]


def page_number(text: str) -> int:
    """A page's number from an address; 1 for anything else."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 1
    return min(max(number, 1), LAST_PAGE)


def last_page(total: int) -> int:
    """The number of the last page of a list."""
    return max(1, -(-total // PAGE))


def orders(
    connection: Connection, wanted: Filter, now: datetime, *, most: int = PAGE
) -> list[rows.ListedRow]:
    """A page of the list; each row has the length of the whole list."""
    direction = "desc nulls last" if wanted.descending else "asc nulls last"
    return fetch_sorted(
        connection,
        "web_board.orders",
        rows.ListedRow,
        f"{SORTS[wanted.sort]} {direction}",
        **wanted.binds(now),
        skip=(wanted.page - 1) * most,
        most=most,
    )


def notices(
    connection: Connection, wanted: NoticeFilter, *, most: int = PAGE
) -> list[rows.ListedNotice]:
    """A page of the dead or pending notices; each row has the length of the whole list."""
    return fetch(
        connection,
        "web_board.notices",
        rows.ListedNotice,
        state=wanted.state,
        channel=wanted.channel or None,
        account=wanted.account or None,
        skip=(wanted.page - 1) * most,
        most=most,
    )


def as_csv(found: Sequence[Any], columns: Sequence[str]) -> Iterator[str]:
    """Lines of a CSV with a heading; no cell is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    out.write(MARK)
    writer.writerow(columns)
    for row in found:
        writer.writerow([cell(getattr(row, name)) for name in columns])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()
