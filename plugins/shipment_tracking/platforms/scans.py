"""The steps of a platform's trace as our events: their order, their meaning, their city."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from shipment_tracking.domain.cities import city_of
from shipment_tracking.domain.masking import event_hash, normalise
from shipment_tracking.domain.models import RejectedStep, TraceEvent
from shipment_tracking.domain.texts import Reading, is_placeholder
from shipment_tracking.errors import ReplyError
from shipment_tracking.platforms.replies import LONGEST_TIME, text_of

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""No parcel moved before or will move after; a time out here is an empty field, printed."""

Meaning = Callable[[str, str | None], Reading]
"""Reads a step from its text and the platform's code for it."""


class Step(NamedTuple):
    """
    One step of a trace: its time as printed, its masked text, and the platform's code for it.

    :param city: as the platform names it; the text is read where it does not.
    """

    time: Any
    description: str
    action: str | None = None
    city: str | None = None


class Scans(NamedTuple):
    """The steps of one parcel that are events, and those that cannot be."""

    events: tuple[TraceEvent, ...]
    rejected: tuple[RejectedStep, ...]
    newest_first: bool
    """Whether the reply began at the newest of them."""


def scans_of(
    steps: Iterable[Step], read_time: Callable[[Any], datetime], meaning: Meaning
) -> Scans:
    """
    The steps as events; positions count forwards in time, whichever end the reply begins at.

    A step without a usable time, or with neither a text nor a code, costs only itself. So does one
    that only says that nothing is known: its time is that of the question.

    :param steps: in the order of the reply.
    :param read_time: reads a printed time as UTC, or raises ``ReplyError``.
    """
    timed: list[tuple[datetime, Step]] = []
    rejected: list[RejectedStep] = []
    for step in steps:
        occurred_at, reason = _when(step.time, read_time)
        if not (step.description or step.action):
            reason = "no text and no action"
        elif not step.action and is_placeholder(step.description):
            rejected.append(RejectedStep("", step.description, "says that no trace is known"))
            continue
        if occurred_at is None or reason:
            printed = normalise(text_of(step.time)[:LONGEST_TIME])
            rejected.append(RejectedStep(printed, step.description, reason))
        else:
            timed.append((occurred_at, step))
    newest_first = bool(timed) and timed[0][0] > timed[-1][0]
    if newest_first:
        timed.reverse()
    events = tuple(
        _event(position, occurred_at, step, meaning)
        for position, (occurred_at, step) in enumerate(timed)
    )
    return Scans(events, tuple(rejected), newest_first)


def _when(printed: Any, read_time: Callable[[Any], datetime]) -> tuple[datetime | None, str]:
    """The time of a step, or why it has none."""
    if not text_of(printed).strip():
        return None, "no time"
    try:
        occurred_at = read_time(printed)
    except ReplyError:
        return None, "unreadable time"
    if not EARLIEST <= occurred_at < LATEST:
        return None, "impossible time"
    return occurred_at, ""


def _event(position: int, occurred_at: datetime, step: Step, meaning: Meaning) -> TraceEvent:
    reading = meaning(step.description, step.action)
    # A step without a text is told by its code: a blank never stands as the latest trace.
    description = step.description or step.action or ""
    return TraceEvent(
        occurred_at=occurred_at,
        position=position,
        description=description,
        event_hash=event_hash(description),
        status=reading.status,
        sign_kind=reading.sign_kind,
        decided_by=reading.decided_by,
        city=city_of(description, step.city),
        action=step.action,
    )
