"""Days in Shanghai, by which the business counts."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

FIRST_YEAR, LAST_YEAR = 1990, 9998
"""Outside is what a database keeps where there is no time, such as 1970-01-01 or 9999-12-31."""


def begin(day: date) -> datetime:
    """When a day begins in Shanghai; UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).astimezone(UTC)


def end(day: date) -> datetime:
    """When a day is over in Shanghai, which is no part of it; UTC."""
    return begin(day + timedelta(days=1))


def day_of(moment: datetime) -> date:
    """The day in Shanghai of an aware time."""
    return moment.astimezone(SHANGHAI).date()


def yesterday(moment: datetime) -> date:
    """The last day in Shanghai that is over at an aware time."""
    return day_of(moment) - timedelta(days=1)
