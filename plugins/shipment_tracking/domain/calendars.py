"""
The days on which parcels move more slowly, and a clock that counts their time by them.

The table is ``include/calendar.csv``; an owner's own file of that place wins. On a day with factor
3 an hour counts as 20 minutes. Days begin at midnight in Shanghai; a day without a line has factor
1.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from shipment_tracking.domain import days
from shipment_tracking.errors import CalendarTableError
from shipment_tracking.statements import include_path, include_rows

PLACE = "calendar.csv"
LARGEST_FACTOR = 100
_HEAD = ["first_day", "last_day", "factor", "note"]
_DAY = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})")
_BEGIN = datetime(1, 1, 2, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Holiday:
    """
    A line of the table.

    :param factor: how many times longer everything takes; 1 or more.
    """

    line: int
    first_day: date
    last_day: date
    factor: float


@dataclass(frozen=True, slots=True)
class Span:
    """
    A time with one factor.

    :param starts_at, ends_at: aware; the end is not part of it.
    :param hours: what the clock shows at its start.
    """

    starts_at: datetime
    ends_at: datetime
    hours: float
    factor: float


@dataclass(frozen=True, slots=True)
class Clock:
    """
    Counts the hours in which parcels move; between two holidays it runs like any other.

    :param spans: without gaps, from the year 1 to 9999.
    """

    spans: Sequence[Span]

    def hours(self, at: datetime) -> float:
        """What it shows at an aware time."""
        number = bisect_right(self.spans, at, key=lambda span: span.starts_at)
        span = self.spans[max(0, number - 1)]
        return span.hours + (at - span.starts_at) / _HOUR / span.factor

    def at(self, hours: float) -> datetime:
        """When it shows that many hours; aware, in UTC."""
        number = bisect_right(self.spans, hours, key=lambda span: span.hours)
        span = self.spans[max(0, number - 1)]
        return span.starts_at + (hours - span.hours) * span.factor * _HOUR


def load() -> Clock:
    """
    The clock by the table, the owner's if there is one.

    :raises CalendarTableError: a line is wrong, or two are about the same day.
    """
    path = include_path(PLACE)
    return _read(path, path.stat().st_mtime_ns)


def clock(holidays: Iterable[Holiday]) -> Clock:
    """The clock for holidays that do not overlap."""
    spans = [Span(_BEGIN, _END, 0, 1)]

    def begin(at: datetime, factor: float) -> None:
        hours = Clock(spans).hours(at)
        before = spans.pop()
        if before.starts_at < at:
            spans.append(Span(before.starts_at, at, before.hours, before.factor))
        spans.append(Span(at, _END, hours, factor))

    for holiday in sorted(holidays, key=lambda each: each.first_day):
        begin(days.begin(holiday.first_day), holiday.factor)
        begin(days.end(holiday.last_day), 1)
    return Clock(tuple(spans))


@cache
def _read(path: Path, changed: int) -> Clock:
    (_, head), *lines = list(include_rows(path, CalendarTableError)) or [(1, [])]
    if head != _HEAD:
        raise CalendarTableError(f"{path}: its first line must be {','.join(_HEAD)}")
    holidays: list[Holiday] = []
    for number, line in lines:
        if any(field.strip() for field in line):
            try:
                holiday = _holiday(number, [field.strip() for field in line])
            except ValueError as error:
                raise CalendarTableError(f"{path}, line {number}: {error}") from error
            for other in holidays:
                if holiday.first_day <= other.last_day and other.first_day <= holiday.last_day:
                    raise CalendarTableError(
                        f"{path}, line {number}: line {other.line} is about some of its days "
                        "already; let the one end before the other begins"
                    )
            holidays.append(holiday)
    return clock(holidays)


def _holiday(number: int, fields: list[str]) -> Holiday:
    if len(fields) != len(_HEAD):
        raise ValueError(f"{len(fields)} fields instead of {','.join(_HEAD)}")
    first_day, last_day = _day("first_day", fields[0]), _day("last_day", fields[1])
    if last_day < first_day:
        raise ValueError(f"last_day {last_day} is before first_day {first_day}")
    try:
        factor = float(fields[2])
    except ValueError:
        factor = 0
    if not 1 <= factor <= LARGEST_FACTOR:
        raise ValueError(
            f"factor is {fields[2]!r}; it must be a number from 1 to {LARGEST_FACTOR}, such as 1.5"
        )
    return Holiday(number, first_day, last_day, factor)


def _day(name: str, text: str) -> date:
    found = _DAY.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        day = date(*map(int, found.groups()))
    except ValueError:
        raise ValueError(f"{name} is {text!r}; it must be a day such as 2026-02-15") from None
    if not _BEGIN.year < day.year < _END.year - 1:
        raise ValueError(f"{name} is {text!r}; it must be a day such as 2026-02-15")
    return day
