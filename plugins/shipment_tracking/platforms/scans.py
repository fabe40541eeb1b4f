"""The steps of a platform's trace as our events: their order, their meaning, their city."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime

from shipment_tracking.masking import event_hash
from shipment_tracking.models import TraceEvent
from shipment_tracking.statuses import Status

_CITY = re.compile(r"^【([^】]{2,12}?[市州盟县区])】")

Meaning = Callable[[str, str | None], tuple[Status, str | None]]
"""A step's status and, for a sign, its kind, from its text and the platform's code for it."""


def events_of(
    steps: Iterable[tuple[datetime, str, str | None]], meaning: Meaning
) -> tuple[TraceEvent, ...]:
    """
    The steps as events; positions count forwards in time, whichever end the reply begins at.

    :param steps: aware time, masked text and the platform's code, in the order of the reply.
    """
    timed = list(steps)
    if timed and timed[0][0] > timed[-1][0]:
        timed.reverse()
    return tuple(
        _event(position, occurred_at, description, action, meaning)
        for position, (occurred_at, description, action) in enumerate(timed)
    )


def _event(
    position: int, occurred_at: datetime, description: str, action: str | None, meaning: Meaning
) -> TraceEvent:
    status, sign_kind = meaning(description, action)
    city = _CITY.match(description)
    return TraceEvent(
        occurred_at=occurred_at,
        position=position,
        description=description,
        event_hash=event_hash(description),
        status=status,
        sign_kind=sign_kind,
        city=city[1] if city else None,
        action=action,
    )
