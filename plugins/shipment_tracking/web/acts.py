"""What people may do on the page; each act and its record are one transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from shipment_tracking.statements import query
from shipment_tracking.web.access import User
from shipment_tracking.web.reading import SECONDS, one, writing

KINDS = ("poll_next", "stop_tracking", "resume_tracking", "acknowledge_stall", "requeue")
ON_ORDERS = ("poll_next", "stop_tracking", "resume_tracking")
NEEDS_REASON = ("stop_tracking", "resume_tracking", "acknowledge_stall")
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Done:
    """What an act was about."""

    order_id: int | None
    subject: str


def act(
    warehouse: Engine, user: User, kind: str, subject_id: int, reason: str, *, now: datetime
) -> Done | None:
    """
    Do something and record who did it.

    :param kind: one of ``KINDS``.
    :param subject_id: of the stall or notification, or else of the order.
    :returns: nothing when it was not possible any more; then nothing is recorded.
    """
    with writing(warehouse, seconds=SECONDS) as connection:
        if kind == "requeue" and not _requeue(connection, subject_id, now):
            return None
        done = one(connection, f"web_acts.{kind}", Done, subject_id=subject_id, now=now)
        if done is None:
            return None
        binds = {
            "now": now,
            "actor": user.name,
            "kind": kind,
            "order_id": done.order_id,
            "subject_id": subject_id,
            "subject": done.subject,
            "reason": reason,
        }
        is_first = connection.execute(query("web_acts.record"), binds).first() is not None
    return done if is_first else None


def _requeue(connection: Connection, notice: int, now: datetime) -> bool:
    """Let a dead notice be due again, by the rules of ``shipment-tracking requeue``."""
    binds = {"channel": None, "since": None, "notice": notice, "now": now}
    return connection.execute(query("cli.requeue"), binds).first() is not None


def clean_reason(text: str) -> str:
    """A typed reason as it is stored: one line, without control characters, not too long."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:LONGEST_REASON]
