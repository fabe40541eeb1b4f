"""Stored replies, and which of them are loaded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from shipment_tracking.platforms.ports import Json
from shipment_tracking.statements import query
from shipment_tracking.warehouse.rows import fetch


@dataclass(frozen=True, slots=True)
class StoredReply:
    """
    A platform's masked reply for one order, as it was gathered.

    :param fetched_at: aware.
    :param announce: whether the changes that it leads to are announced.
    """

    reply_id: int
    order_id: int
    account: str
    dialect: str
    fetched_at: datetime
    body: Json
    announce: bool


def waiting(connection: Connection, *, after: int, most: int) -> list[StoredReply]:
    """Lock the oldest replies behind one that nobody else loads; none when all are loaded."""
    return fetch(connection, "load_traces.waiting", StoredReply, after=after, most=most)


def done(connection: Connection, replies: Iterable[StoredReply], now: datetime) -> None:
    """Mark replies as loaded."""
    ids = [reply.reply_id for reply in replies]
    connection.execute(query("load_traces.done"), {"replies": ids, "now": now})
