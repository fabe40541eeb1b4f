"""
When a parcel will be signed, by how long others of its carrier and stage took.

All hours are those of ``domain.calendars.Clock``. What is known of a stage is a curve: for parcels
that stayed in it for more than an age, how long after its begin half of them, and nine tenths, were
signed. Between two ages the curve is a straight line, so that a parcel is judged by its own age.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType

from shipment_tracking.domain.statuses import Status

STAGES: Mapping[Status, str] = MappingProxyType(
    {
        Status.PENDING: "pickup",
        Status.INFO_RECEIVED: "pickup",
        Status.PICKED_UP: "in_transit",
        Status.IN_TRANSIT: "in_transit",
        Status.OUT_FOR_DELIVERY: "out_for_delivery",
        Status.READY_FOR_PICKUP: "ready_for_pickup",
        Status.DELIVERY_FAILED: "delivery_failed",
    }
)
"""The stage of each status; a parcel of any other status has no estimated arrival."""

COLLECTED_BY_BUYER = "ready_for_pickup"
"""Where the buyer decides when it ends, so that it is never late."""

AGES = (0, 2, 4, 6, 9, 12, 18, 24, 36, 48, 72, 96, 120, 168, 240, 336)
"""Hours in a stage of which the curves are learnt."""

FEWEST = 20
"""Fewer parcels say nothing."""

PERIOD = timedelta(days=60)
"""How old a signature may be to be learnt from."""

MOST_PARCELS = 5000
"""Of each carrier so many parcels are learnt from, any of them: more say the same."""

ALL_CARRIERS = ""


@dataclass(frozen=True, slots=True)
class Learnt:
    """
    A point of the curve of a carrier and stage.

    :param carrier_code: ``ALL_CARRIERS`` for all of them together.
    :param parcels: that stayed in the stage for more than ``age_hours``.
    :param p50_hours, p90_hours: from the begin of the stage until that share of them was signed.
    :param learnt_from, learnt_at: the first and the last moment of a signature that counts.
    """

    carrier_code: str
    stage: str
    age_hours: float
    parcels: int
    p50_hours: float
    p90_hours: float
    learnt_from: datetime
    learnt_at: datetime

    @property
    def basis(self) -> str:
        """What it rests on, in words."""
        carrier = self.carrier_code or "all carriers"
        first, last = _day(self.learnt_from), _day(self.learnt_at)
        return f"{carrier}, {self.stage}: {self.parcels} parcels signed {first} to {last}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hours from the begin of a parcel's stage until it is signed, and what they rest on."""

    p50_hours: float
    p90_hours: float
    basis: str


class History:
    """
    What was learnt.

    :param points: of any carriers and stages, in any order.
    """

    def __init__(self, points: Iterable[Learnt]) -> None:
        self._curves: dict[tuple[str, str], list[Learnt]] = {}
        for point in sorted(points, key=lambda each: each.age_hours):
            self._curves.setdefault((point.carrier_code, point.stage), []).append(point)

    def estimate(self, carrier_code: str | None, stage: str, age_hours: float) -> Estimate | None:
        """
        When a parcel is signed that has been in a stage for so long and still is.

        By its carrier, else by all carriers; ``None`` where both know too few that stayed so long.
        """
        for carrier in dict.fromkeys((carrier_code or ALL_CARRIERS, ALL_CARRIERS)):
            curve = self._curves.get((carrier, stage), [])
            number = bisect_right(curve, age_hours, key=lambda point: point.age_hours)
            if 0 < number < len(curve):
                return _between(curve[number - 1], curve[number], age_hours)
        return None


def _between(before: Learnt, after: Learnt, age_hours: float) -> Estimate:
    share = (age_hours - before.age_hours) / (after.age_hours - before.age_hours)
    return Estimate(
        before.p50_hours + share * (after.p50_hours - before.p50_hours),
        before.p90_hours + share * (after.p90_hours - before.p90_hours),
        after.basis if share > 0 else before.basis,
    )


def _day(at: datetime) -> date:
    return at.date()
