"""The calendar's table, and the clock that counts parcels' hours by it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from shipment_tracking.domain import calendars
from shipment_tracking.domain.calendars import Holiday, clock
from shipment_tracking.errors import CalendarTableError
from shipment_tracking.statements import OWNER_FOLDER

HOUR = timedelta(hours=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
SLOW = clock([Holiday(2, date(2026, 2, 15), date(2026, 2, 16), 4)])
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 2, day, hour, tzinfo=SHANGHAI)


@pytest.fixture
def table(tmp_path: Path, monkeypatch):
    """Let the owner have a table with these lines."""
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))

    def write(lines: str, head: str = "first_day,last_day,factor,note\n") -> None:
        (tmp_path / "calendar.csv").write_text(head + lines, encoding="utf-8")

    return write


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        (at(13), at(14), 24),
        (at(15), at(15, 8), 2),
        (at(14, 12), at(15, 12), 15),
        (at(14), at(18), 24 + 12 + 24),
        (at(18), at(19), 24),
    ],
)
def test_an_hour_of_a_slow_day_counts_less(begin, end, hours):
    assert SLOW.hours(end) - SLOW.hours(begin) == pytest.approx(hours)


@given(TIMES)
def test_the_clock_tells_when_it_shows_what_it_shows(time):
    for each in (SLOW, clock([])):
        assert abs(each.at(each.hours(time)) - time) < timedelta(seconds=1)


@given(st.lists(TIMES, min_size=2, max_size=2))
def test_no_time_runs_backwards(times):
    earlier, later = sorted(times)

    assert SLOW.hours(earlier) <= SLOW.hours(later)
    assert SLOW.hours(later) - SLOW.hours(earlier) <= (later - earlier) / HOUR + 1e-6


def test_neighbouring_holidays_follow_each_other():
    both = clock(
        [
            Holiday(3, date(2026, 2, 17), date(2026, 2, 17), 2),
            Holiday(2, date(2026, 2, 15), date(2026, 2, 16), 4),
        ]
    )

    assert both.hours(at(19)) - both.hours(at(14)) == pytest.approx(24 + 12 + 12 + 24)


def test_the_shipped_table_slows_the_spring_festival_down():
    shipped = calendars.load()

    assert shipped.hours(at(18)) - shipped.hours(at(17)) == 8


def test_a_table_from_a_spreadsheet_is_read(table):
    table("2026/2/15,2026/2/16,4.0,\n,,,\n", head="\ufefffirst_day,last_day,factor,note\n")

    assert calendars.load() == SLOW


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("2026-02-15,2026-02-16,4\n", r"line 2: 3 fields instead of first_day"),
        ("2026-02-30,2026-03-01,4,x\n", r"line 2: first_day is '2026-02-30'; it must be a day"),
        ("2026-02-15,soon,4,x\n", r"line 2: last_day is 'soon'; it must be a day"),
        ("2026-02-15,2026-02-14,4,x\n", r"line 2: last_day 2026-02-14 is before first_day"),
        ("2026-02-15,2026-02-16,0,x\n", r"line 2: factor is '0'; it must be a number from 1"),
        ("2026-02-15,2026-02-16,nan,x\n", r"line 2: factor is 'nan'"),
        (
            "2026-02-15,2026-02-16,4,x\n2026-02-16,2026-02-17,2,y\n",
            r"line 3: line 2 is about some of its days already",
        ),
    ],
)
def test_a_mistake_names_file_and_line(table, lines, message):
    table(lines)

    with pytest.raises(CalendarTableError, match=rf"calendar.csv, {message}"):
        calendars.load()


def test_a_quote_that_is_not_closed_names_file_and_line(table):
    table('2026-02-15,2026-02-16,4,"x\n' + "2026-03-15,2026-03-16,4,y\n" * 6000)

    with pytest.raises(CalendarTableError, match=r"calendar.csv, line \d+: .* quote is closed"):
        calendars.load()


def test_a_table_with_another_head_is_refused(table):
    table("", head="day,factor\n")

    with pytest.raises(CalendarTableError, match="its first line must be first_day"):
        calendars.load()
