"""What the commands show of the warehouse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from shipment_tracking.statements import query
from shipment_tracking.warehouse.rows import fetch

STATUS = {
    "Last runs": "last_runs",
    "Open orders": "open_orders",
    "Stalled parcels": "open_stalls",
    "Failing accounts": "failing_accounts",
    "Backlog": "backlog",
    "Open alerts": "open_alerts",
    "Dead notices": "dead_notices",
}
"""The tables about the pipeline as a whole, by their titles."""

ORDER = {
    "ERP rows": "order_rows",
    "Parcels": "order_parcels",
    "Timeline": "order_timeline",
    "Written to the ERP": "order_writes",
    "Notices": "order_notices",
}
"""The tables about an order, by their titles."""


@dataclass(frozen=True, slots=True)
class UnsureText:
    """A text of traces that is unknown, or was read by a narrow margin."""

    description: str
    status: str
    decided_by: str
    seen: int
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier as its platform calls it, with how many parcels it has."""

    carrier_code: str | None
    carrier_name: str | None
    parcels: int
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order that a number names."""

    order_id: int
    account: str
    platform_order_id: str
    erp_keys: str | None
    status: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to print, with the names of their columns."""

    names: Sequence[str]
    rows: Sequence[Sequence[Any]]


def unsure_texts(connection: Connection, *, most: int) -> list[UnsureText]:
    """The unknown and narrow texts, the most frequent first."""
    return fetch(connection, "overview.unknown_texts", UnsureText, most=most)


def carriers(connection: Connection) -> list[Carrier]:
    """Every carrier of a parcel, the most frequent first."""
    return fetch(connection, "overview.carriers", Carrier)


def find_orders(connection: Connection, number: str, *, shortest: int) -> list[FoundOrder]:
    """
    The orders that a number names.

    :param number: the ERP's key, the platform's number, a waybill number, or the end of one.
    :param shortest: so many characters of an end are enough.
    """
    binds = {"number": number, "shortest": shortest}
    return fetch(connection, "overview.find_orders", FoundOrder, **binds)


def table(connection: Connection, name: str, **binds: Any) -> Table:
    """
    One of the tables of ``STATUS`` or ``ORDER``.

    :param binds: of them it takes what its statement binds.
    """
    statement = query(f"overview.{name}")
    wanted = {bind: binds[bind] for bind in statement.compile().params}
    result = connection.execute(statement, wanted)
    return Table(tuple(result.keys()), result.all())
