"""An ERP's database with its own idea of time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

FIRST_YEAR, LAST_YEAR = 1971, 9998
"""A time outside of these stands for none: 0000, 0001, 1900, 1970 and 9999 are fillers of ERPs."""

CLOCK_CHANGE = timedelta(hours=2)
"""The most that a clock is put forward or back for daylight saving."""


@dataclass(frozen=True, slots=True)
class ErpDatabase:
    """
    Where the statements under ``include/sql/erp`` run.

    :param timezone: what a time without an offset means there.
    """

    engine: Engine
    timezone: ZoneInfo

    def read_time(
        self, value: object, within: tuple[datetime, datetime] | None = None
    ) -> datetime | None:
        """
        A time of the ERP in UTC; text in ISO 8601 is read too, since SQLite keeps times as text.

        A local time that occurs twice, as clocks are put back, is the earlier one.

        :param within: aware; of a local time that occurs twice the one in ``[from, to)`` is meant.
        :raises ValueError: it is neither a time nor unset.
        """
        if not is_set(value):
            return None
        time = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
        if not isinstance(time, datetime):
            raise ValueError(f"{value!r} is no time")
        if time.tzinfo:
            return time.astimezone(UTC)
        first, second = (
            time.replace(tzinfo=self.timezone, fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        if within and not within[0] <= first < within[1] and within[0] <= second < within[1]:
            return second
        return first

    def bind_time(self, time: datetime) -> datetime | str:
        """An aware time as the ERP's columns hold it: local, without an offset, whole seconds."""
        return self._bind(self._local(time))

    def bind_interval(
        self, start: datetime, end: datetime
    ) -> tuple[datetime | str, datetime | str]:
        """
        Bounds in which the ERP's columns hold every time of ``[start, end)``, and maybe others.

        Close to a change of clocks local times occur twice or not at all: the bounds are wider.
        """
        return (
            self._bind(start.astimezone(UTC).replace(tzinfo=None) + min(self._offsets(start))),
            self._bind(end.astimezone(UTC).replace(tzinfo=None) + max(self._offsets(end))),
        )

    def is_time(self, value: object, time: datetime) -> bool:
        """Whether a value of the ERP is an aware time, as far as its column can tell."""
        local = self._local(time)
        if isinstance(value, str):
            try:
                is_day = len(value.strip()) == len("2026-03-02")
                value = datetime.fromisoformat(value.strip())
            except ValueError:
                return False
            value = value.date() if is_day else value
        if isinstance(value, datetime):
            stored = self._local(value) if value.tzinfo else value
            # A column may keep minutes only.
            return abs(stored - local) < timedelta(seconds=1 if stored.second else 60)
        return isinstance(value, date) and value == local.date()

    def _local(self, time: datetime) -> datetime:
        return time.astimezone(self.timezone).replace(tzinfo=None, fold=0, microsecond=0)

    def _bind(self, local: datetime) -> datetime | str:
        local = local.replace(microsecond=0)
        return local.isoformat(" ") if self.engine.dialect.name == "sqlite" else local

    def _offsets(self, time: datetime) -> list[timedelta]:
        """The zone's offsets from UTC around a time."""
        around = (time - CLOCK_CHANGE, time, time + CLOCK_CHANGE)
        return [each.astimezone(self.timezone).utcoffset() or timedelta() for each in around]


def is_set(value: object) -> bool:
    """Whether a time of the ERP is set: null, an empty text, 0 and fillers such as 0000 are not."""
    if isinstance(value, str):
        year = value.strip()[:4]
        return bool(year) and not (year.isdigit() and not FIRST_YEAR <= int(year) <= LAST_YEAR)
    if isinstance(value, date):
        return FIRST_YEAR <= value.year <= LAST_YEAR
    return value is not None and value != 0


def read_flag(value: object) -> bool:
    """
    A yes or no of the ERP: a boolean, 0 or 1 as a number or a text, or one bit.

    :raises ValueError: it is none of these.
    """
    plain = value.strip() if isinstance(value, str) else value
    for flag, spellings in ((False, (0, "0", b"\0")), (True, (1, "1", b"\1"))):
        if plain in spellings:
            return flag
    raise ValueError(f"{value!r} is neither 0 nor 1")
