"""
When a parcel is stalled: by stage, how many hours it may stay there before an alarm.

``pickup`` counts from when the ERP shipped it, or else from its first event; ``in_transit`` and
``out_for_delivery`` from its last event, or else from when the platform first said so;
``ready_for_pickup`` from when it became so; ``unknown`` from its last event, when that event's text
is not read, or else from when the platform first gave a status that no table knows. The stages of
``AT_ONCE`` give their alarm at once; ``sign_withdrawn`` is a signature that was confirmed and then
contradicted, and takes the place of what contradicts it.

For a carrier with enough parcels the hours of ``LEARNT`` are learnt: of the parcels that were
signed, nine tenths never stood longer at one place of the stage; a day more is a stall, for parcels
go in daily rounds, and one that is missed is nothing unusual. Hours are those of
``domain.calendars.Clock``; hours that a run was told are plain ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shipment_tracking.domain.evidence import CONTRADICTS_SIGN
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import ParamError

PICKUP = "pickup"
SIGN_WITHDRAWN = "sign_withdrawn"

HOURS = {
    PICKUP: 48.0,
    str(Status.IN_TRANSIT): 72.0,
    str(Status.OUT_FOR_DELIVERY): 24.0,
    str(Status.READY_FOR_PICKUP): 72.0,
    str(Status.UNKNOWN): 24.0,
}
LEARNT = tuple(stage for stage in HOURS if stage != Status.UNKNOWN)
"""The stages whose hours are learnt."""

MARGIN_HOURS = 24.0
"""A parcel is stalled so much later than nine tenths of the others move on."""

LEAST = 0.5
MOST = 3.0
"""Learnt hours are never below or above so many times the default."""

MOST_HOURS = 100_000
"""What a run may be told; more hours lead to times that PostgreSQL does not know."""

ANY_CARRIER = ""

AT_ONCE = (*sorted(map(str, CONTRADICTS_SIGN)), SIGN_WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Gap:
    """
    How long a carrier's parcels stand in a stage.

    :param p90_hours: nine tenths of them never stood longer at one place.
    """

    carrier_code: str
    stage: str
    p90_hours: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """
    After how many hours a parcel is stalled.

    :param carrier_code: ``ANY_CARRIER`` where no line is about its own.
    :param by_calendar: hours of a slow day count less.
    """

    carrier_code: str
    stage: str
    hours: float
    by_calendar: bool


def thresholds(
    stalled_after_hours: Mapping[str, object] | None, gaps: Iterable[Gap] = ()
) -> list[Threshold]:
    """
    Hours by carrier and stage: what a run was told, else what was learnt, else the defaults.

    :raises ParamError: an unknown stage, or hours that are no positive number; the text names it.
    """
    given = {} if stalled_after_hours is None else stalled_after_hours
    if not isinstance(given, Mapping):
        raise ParamError(
            f"stalled_after_hours is {given!r}; it must be an object by stage, such as "
            '{"in_transit": 96}'
        )
    told = {stage: _hours(stage, value) for stage, value in given.items()}
    usual = HOURS | told | dict.fromkeys(AT_ONCE, 0.0)
    return [
        *(
            Threshold(ANY_CARRIER, stage, hours, by_calendar=stage not in told)
            for stage, hours in usual.items()
        ),
        *(
            Threshold(gap.carrier_code, gap.stage, learnt(gap.stage, gap.p90_hours), True)
            for gap in gaps
            if gap.stage in LEARNT and gap.stage not in told
        ),
    ]


def learnt(stage: str, p90_hours: float) -> float:
    """The threshold in hours that follows from what nine tenths of the parcels need."""
    hours = min(max(p90_hours + MARGIN_HOURS, LEAST * HOURS[stage]), MOST * HOURS[stage])
    return round(hours, 1)


def _hours(stage: str, value: object) -> float:
    if stage not in HOURS:
        raise ParamError(
            f"stalled_after_hours has {stage!r}, which is not a stage; "
            f"stages are {', '.join(HOURS)}"
        )
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < float(value) <= MOST_HOURS:  # type: ignore[arg-type]
        raise ParamError(
            f"stalled_after_hours {stage} is {value!r}, not a positive number up to {MOST_HOURS}"
        )
    return float(value)  # type: ignore[arg-type]
