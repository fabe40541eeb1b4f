"""The steps of a platform's trace as our events: their order, their meaning, their city."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from shipment_tracking.domain.masking import event_hash
from shipment_tracking.domain.texts import Reading
from shipment_tracking.models import TraceEvent

_CITY = re.compile(r"^【([^】]{2,12}?[市州盟县区])】")

Meaning = Callable[[str, str | None], Reading]
"""Reads a step from its text and the platform's code for it."""


class Step(NamedTuple):
    """
    One step of a trace: aware time, masked text, and the platform's code for it.

    :param city: as the platform names it; what the text begins with is taken where it does not.
    """

    occurred_at: datetime
    description: str
    action: str | None = None
    city: str | None = None


def events_of(steps: Iterable[Step], meaning: Meaning) -> tuple[TraceEvent, ...]:
    """
    The steps as events; positions count forwards in time, whichever end the reply begins at.

    :param steps: in the order of the reply.
    """
    timed = list(steps)
    if timed and timed[0].occurred_at > timed[-1].occurred_at:
        timed.reverse()
    return tuple(_event(position, step, meaning) for position, step in enumerate(timed))


def _event(position: int, step: Step, meaning: Meaning) -> TraceEvent:
    reading = meaning(step.description, step.action)
    city = _CITY.match(step.description)
    return TraceEvent(
        occurred_at=step.occurred_at,
        position=position,
        description=step.description,
        event_hash=event_hash(step.description),
        status=reading.status,
        sign_kind=reading.sign_kind,
        decided_by=reading.decided_by,
        city=step.city or (city[1] if city else None),
        action=step.action,
    )
