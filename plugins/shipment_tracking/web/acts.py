"""What people may do on the page; each act and its record are one transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from shipment_tracking.warehouse import outbox
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


@dataclass(frozen=True, slots=True)
class Recorded:
    """An act that is recorded; of several on one stall only the first is."""

    act_id: int


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
        if kind == "requeue" and not outbox.requeue(connection, now, notice=subject_id):
            return None
        done = one(connection, f"web_acts.{kind}", Done, subject_id=subject_id, now=now)
        if done is None:
            return None
        recorded = one(
            connection,
            "web_acts.record",
            Recorded,
            now=now,
            actor=user.name,
            kind=kind,
            order_id=done.order_id,
            subject_id=subject_id,
            subject=done.subject,
            reason=reason,
        )
    return done if recorded else None


def clean_reason(text: str) -> str:
    """A typed reason as it is stored: one line, without control characters, not too long."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:LONGEST_REASON]
