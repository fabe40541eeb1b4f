"""Replies: what is kept of polling an order, and which replies are loaded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from shipment_tracking.domain.models import Run
from shipment_tracking.platforms.ports import Json
from shipment_tracking.statements import query
from shipment_tracking.warehouse.polling import SPACING
from shipment_tracking.warehouse.rows import JsonRows, fetch

TRIES = 3


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


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """
    What the warehouse keeps of polling an order.

    :param asked_at: aware.
    :param fingerprint, body: of the reply, if it says something new.
    :param error: why there is no answer.
    :param too_old: its platform keeps nothing of the order any more.
    """

    order_id: int
    asked_at: datetime
    fingerprint: str | None
    body: Json | None
    has_traces: bool
    error: str | None
    too_old: bool


ANSWERS = JsonRows(AnswerRow, "answers", "replies.record")


def record(
    connection: Connection, this_run: Run, account: str, dialect: str, rows: Iterable[AnswerRow]
) -> None:
    """Keep the replies that say something new, and note when each order was polled."""
    connection.execute(
        query("replies.record"),
        {
            **ANSWERS(rows),
            "account": account,
            **SPACING,
            "backfill": this_run.is_backfill,
            "announce": not this_run.is_backfill,
            "dialect": dialect,
            "run_id": this_run.run_id,
        },
    )


def waiting(connection: Connection, *, after: int, most: int) -> list[StoredReply]:
    """Lock the oldest replies behind one that nobody else loads; none when all are loaded."""
    return fetch(connection, "replies.waiting", StoredReply, after=after, most=most)


def done(connection: Connection, replies: Iterable[StoredReply], now: datetime) -> None:
    """Mark replies as loaded."""
    ids = [reply.reply_id for reply in replies]
    connection.execute(query("replies.done"), {"replies": ids, "now": now})


def set_aside(connection: Connection, reply_id: int, reason: str, now: datetime) -> None:
    """Note that a reply cannot be loaded; after ``TRIES`` tries it is quarantined."""
    binds = {"reply_id": reply_id, "error": reason, "tries": TRIES, "now": now}
    connection.execute(query("replies.quarantine"), binds)
