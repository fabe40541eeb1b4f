"""
A year of parcels whose end is known: several carriers, city pairs, holidays, standstills, a strike.

Nothing here knows the calendar of the product: the true slowness of a day differs from it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST_DAY = date(2025, 10, 25)
LAST_DAY = date(2026, 12, 31)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CITIES = {
    "hangzhou": 0,
    "shanghai": 170,
    "nanjing": 280,
    "wuhan": 750,
    "guangzhou": 1200,
    "beijing": 1300,
    "chengdu": 1900,
}
"""Where they lie along a line, in kilometres."""
STRIKE = ("YTO", date(2026, 9, 7), date(2026, 9, 11))
"""This carrier stops from the first day to the last."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """
    :param share: of all parcels.
    :param haste: hours for 1,000 km, and for a hub.
    :param spread: of these hours, as the sigma of a lognormal.
    :param at_festival: how many times longer everything takes around 春节.
    """

    code: str
    share: float
    per_1000_km: float
    per_hub: float
    spread: float
    at_festival: float
    to_station: float


CARRIERS = (
    Carrier("SF", 0.15, 9, 3, 0.30, 1.5, 0.05),
    Carrier("ZTO", 0.30, 18, 6, 0.40, 3.5, 0.45),
    Carrier("YTO", 0.25, 20, 7, 0.45, 3.5, 0.45),
    Carrier("YUNDA", 0.20, 21, 8, 0.50, 4.5, 0.50),
    Carrier("POSTB", 0.095, 42, 17, 0.45, 2.0, 0.25),
    Carrier("ZJS", 0.005, 30, 12, 0.50, 3.5, 0.10),
)


@dataclass(slots=True)
class Story:
    """
    A parcel from its shipping to its end.

    :param events: aware times with the status that each scan means.
    :param standstills: from when to when it stood for no good reason; the end is None for ever.
    """

    number: int
    carrier: Carrier
    shipped_at: datetime
    events: list[tuple[datetime, str]] = field(default_factory=list)
    standstills: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    was_on_strike: bool = False

    @property
    def signed_at(self) -> datetime | None:
        """When it is signed; None: never."""
        return self.events[-1][0] if self.events and self.events[-1][1] == "signed" else None


def stories(seed: int, per_day: float) -> Iterator[Story]:
    """The parcels of the year, by their shipping."""
    chance = random.Random(seed)
    number = 0
    day = FIRST_DAY
    while day <= LAST_DAY:
        parcels = round(per_day * _volume(day) * chance.uniform(0.8, 1.2))
        midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
        for hours in sorted(chance.triangular(9, 23, 17) for _ in range(parcels)):
            number += 1
            (carrier,) = chance.choices(CARRIERS, [each.share for each in CARRIERS])
            yield _live(Story(number, carrier, midnight + hours * HOUR), chance)
        day += DAY


def _volume(day: date) -> float:
    if date(2026, 2, 12) <= day <= date(2026, 2, 22):
        return 0.15
    if (day.month, day.day) in ((11, 11), (11, 12), (6, 18)):
        return 4.0
    if date(2026, 9, 1) <= day <= STRIKE[2]:
        return 4.0  # enough parcels to tell a strike from chance
    return 0.8 if day.weekday() >= 5 else 1.0


def _slowness(day: date, carrier: Carrier) -> float:
    """How many times longer everything takes on a day, truly."""
    if date(2026, 2, 14) <= day <= date(2026, 2, 22):
        return carrier.at_festival
    if date(2026, 2, 9) <= day <= date(2026, 2, 25):
        return 1.4
    if day.month == 11 and 11 <= day.day <= 15:
        return 1.7
    if day.month == 6 and 18 <= day.day <= 20:
        return 1.35
    if day.month == 10 and day.day <= 7:
        return 1.2
    return 1.08 if day.weekday() >= 5 else 1.0


def _live(story: Story, chance: random.Random) -> Story:
    carrier = story.carrier
    at = story.shipped_at

    def after(hours: float) -> datetime:
        """Some hours of work later, each as slow as its day."""
        at_last, left = at, hours * chance.lognormvariate(0, carrier.spread)
        while left > 0:
            slow = _slowness(at_last.date(), carrier)
            at_last += min(left, 1.0) * slow * HOUR
            left -= 1.0
        return _after_strike(story, at_last, chance)

    def next_hour(*hours: int) -> datetime:
        """The next round at one of these hours of the day."""
        day = at.replace(hour=0, minute=0, second=0, microsecond=0)
        rounds = (day + each * DAY + hour * HOUR for each in range(3) for hour in hours)
        return next(each for each in rounds if each > at)

    def scan(status: str) -> None:
        nonlocal at
        at += chance.uniform(0, 30) * timedelta(minutes=1)
        story.events.append((at, status))

    if chance.random() < 0.7:
        scan("info_received")
    at = after(2)
    if chance.random() < 0.006:
        began = at
        at += chance.uniform(3, 7) * DAY
        story.standstills.append((began, at))
    elif chance.random() < (0.5 if _slowness(at.date(), carrier) > 2 else 0.06):
        at += DAY
    at = _after_strike(story, next_hour(18, 21), chance)
    scan("picked_up")
    here, there = chance.sample(sorted(CITIES), 2)
    distance = abs(CITIES[here] - CITIES[there])
    stops = 2 + (distance > 500) + (distance > 1500)
    stuck_at = chance.randrange(stops) if chance.random() < 0.02 else None
    is_lost = chance.random() < 0.2
    for stop in range(stops):
        at = after(carrier.per_hub)
        scan("in_transit")
        if stop == stuck_at:
            began = story.events[-1][0]
            if is_lost:
                story.standstills.append((began, None))
                return story
            at += min(14 * 24, 72 + chance.lognormvariate(3.4, 0.9)) * HOUR
            story.standstills.append((began, at))
        at = after(carrier.per_hub / 2)
        scan("in_transit")
        at = after(2 + distance / stops / 1000 * carrier.per_1000_km)
    scan("in_transit")
    for _ in range(4):
        at = _after_strike(story, next_hour(8, 14), chance)
        if _slowness(at.date(), carrier) > 2 and chance.random() < 0.4:
            at += DAY
        scan("out_for_delivery")
        at += chance.triangular(0.7, 11, 3) * HOUR
        if chance.random() < 0.94:
            break
        scan("delivery_failed")
        at = next_hour(22)
    if chance.random() < carrier.to_station:
        scan("ready_for_pickup")
        at += min(6 * 24, chance.lognormvariate(2.3, 1.1)) * HOUR
        if not 8 <= at.hour < 22:
            at = next_hour(10) + chance.uniform(0, 9) * HOUR
    scan("signed")
    return story


def _after_strike(story: Story, at: datetime, chance: random.Random) -> datetime:
    code, first, last = STRIKE
    if story.carrier.code == code and first <= at.date() <= last:
        story.was_on_strike = True
        end = datetime(last.year, last.month, last.day, tzinfo=SHANGHAI) + DAY
        return end + chance.uniform(0, 20) * HOUR
    return at
