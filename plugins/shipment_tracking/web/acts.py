"""What people may do on the page; each act and its record are one transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from shipment_tracking.domain.masking import mask
from shipment_tracking.warehouse import outbox
from shipment_tracking.web.access import User
from shipment_tracking.web.reading import SECONDS, one, writing

ON_ORDERS = ("poll_next", "stop_tracking", "resume_tracking")
SHOWN_ON = {"acknowledge_stall": "board", "requeue": "notices", "mute_incident": "health"}
"""The view that leads to each other act, where its order is not known."""

KINDS = (*ON_ORDERS, *SHOWN_ON)
NEEDS_REASON = ("stop_tracking", "resume_tracking", "acknowledge_stall", "mute_incident")
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Done:
    """What an act was about."""

    order_id: int | None
    subject: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What an act would be about, in words; null: there is none."""

    subject: str | None


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
    :param subject_id: of the stall, notification or alert, or else of the order.
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


def subject(connection: Connection, kind: str, subject_id: int) -> str | None:
    """What an act is about in words; nothing if it is about an order, or there is none."""
    found = one(connection, "web_acts.subject", Subject, kind=kind, subject_id=subject_id)
    return found.subject if found else None


def clean_reason(text: str) -> str:
    """A typed reason as it is stored: masked, one line, no control characters, not too long."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    # Cut afterwards: what is left of a number would not be known as one.
    return mask(" ".join(printable.split()))[:LONGEST_REASON]
