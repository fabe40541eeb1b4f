"""Transactions of the page: they read only, and end in time."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from shipment_tracking.warehouse.rows import fetch
from shipment_tracking.web import rows

SECONDS = 5
"""How long a statement of the page may take."""
EXPORT_SECONDS = 30
"""And one of an export."""

FEWEST_DIGITS = 4
LONGEST_TERM = 100
MOST_FOUND = 50
MOST_EVENTS = 500
MOST = 100

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the database holds a transaction of the page to."""

    read_only: str
    statement_timeout: str
    lock_timeout: str


@contextmanager
def reading(warehouse: Engine, *, seconds: float = SECONDS) -> Iterator[Connection]:
    """A transaction that cannot write; each statement fails after so many seconds."""
    with warehouse.connect() as connection:
        _begin(connection, "on", seconds)
        yield connection


@contextmanager
def writing(warehouse: Engine, *, seconds: float = SECONDS) -> Iterator[Connection]:
    """A transaction that writes and is committed at its end."""
    with warehouse.begin() as connection:
        _begin(connection, "off", seconds)
        yield connection


def _begin(connection: Connection, read_only: str, seconds: float) -> None:
    binds = {"read_only": read_only, "timeout": f"{seconds * 1000:.0f}ms"}
    fetch(connection, "web.begin", Limits, **binds)


def one(connection: Connection, name: str, row: type[Row], **binds: Any) -> Row | None:
    """The first row of a statement, if there is one."""
    return next(iter(fetch(connection, name, row, **binds)), None)


def as_term(text: str) -> str:
    """What was typed as numbers are compared: folded, in capitals, without blanks and controls."""
    folded = unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode("utf-8"))
    return re.sub(r"[\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]", "", folded).upper()


def search(connection: Connection, term: str, *, only_whole: bool = False) -> list[rows.Found]:
    """
    The orders that a term names, at most 50, whole matches first.

    :param term: from ``as_term``; from four characters on the end of a number is enough.
    :param only_whole: ends do not count.
    """
    if not term or len(term) > LONGEST_TERM:
        return []
    backwards = re.sub(r"([\\%_])", r"\\\1", term[::-1])
    by_end = not only_whole and len(term) >= FEWEST_DIGITS
    return fetch(
        connection,
        "web.search",
        rows.Found,
        term=term,
        pattern=backwards + ("%" if by_end else ""),
        most=MOST_FOUND,
    )


@dataclass(frozen=True, slots=True)
class ParcelStory:
    """What is known of one parcel, each list newest first."""

    parcel: rows.Parcel
    events: list[rows.Event]
    changes: list[rows.Change]
    notices: list[rows.ParcelNotice]
    stalls: list[rows.Stall]


@dataclass(frozen=True, slots=True)
class OrderStory:
    """What is known of an order, and of one of its parcels."""

    order: rows.Order
    erp_rows: list[rows.ErpRow]
    parcels: list[rows.Parcel]
    writebacks: list[rows.Writeback]
    rejected: list[rows.Rejected]
    replies: list[rows.Reply]
    acts: list[rows.OrderAct]
    shown: ParcelStory | None


def order_story(
    connection: Connection, order_id: int, shipment_id: int | None = None, *, now: datetime
) -> OrderStory | None:
    """
    An order and one of its parcels; nothing if there is no such order.

    :param shipment_id: the parcel; without one the first that still counts.
    :param now: what is expected before it is late.
    """
    about: dict[str, Any] = {"order_id": order_id}
    order = one(connection, "web.order", rows.Order, **about)
    if order is None:
        return None
    about["most"] = MOST
    parcels = fetch(connection, "web.parcels", rows.Parcel, now=now, **about)
    chosen = [parcel for parcel in parcels if parcel.shipment_id == shipment_id] or parcels
    return OrderStory(
        order=order,
        erp_rows=fetch(connection, "web.erp_rows", rows.ErpRow, order_id=order_id, now=now),
        parcels=parcels,
        writebacks=fetch(connection, "web.writebacks", rows.Writeback, **about),
        rejected=fetch(connection, "web.rejected", rows.Rejected, **about),
        replies=fetch(connection, "web.replies", rows.Reply, **about),
        acts=fetch(connection, "web.order_acts", rows.OrderAct, **about),
        shown=parcel_story(connection, chosen[0]) if chosen else None,
    )


def parcel_story(connection: Connection, parcel: rows.Parcel) -> ParcelStory:
    """A parcel with its newest events."""
    about: dict[str, Any] = {"shipment_id": parcel.shipment_id, "most": MOST}
    return ParcelStory(
        parcel=parcel,
        events=fetch(connection, "web.events", rows.Event, **(about | {"most": MOST_EVENTS})),
        changes=fetch(connection, "web.changes", rows.Change, **about),
        notices=fetch(connection, "web.parcel_notices", rows.ParcelNotice, **about),
        stalls=fetch(connection, "web.stalls", rows.Stall, **about),
    )
