"""An ERP's database with its own idea of time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from shipment_tracking.domain.days import FIRST_YEAR, LAST_YEAR

_ZERO = re.compile(r"[0\s.:T-]*")
_DAY = timedelta(days=1)
_UNKNOWN_ZONE = 1298  # of MySQL


@dataclass(frozen=True, slots=True)
class ErpDatabase:
    """
    Where the statements under ``include/sql/erp`` run.

    :param timezone: what a time without an offset means there.
    """

    engine: Engine
    timezone: ZoneInfo

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction for reading, in a session of the ERP's own time zone."""
        with self.engine.connect() as connection:
            self.prepare(connection)
            yield connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction for writing, in a session of the ERP's own time zone."""
        with self.engine.begin() as connection:
            self.prepare(connection)
            yield connection

    def read_time(self, value: object) -> datetime | None:
        """
        A time of the ERP in UTC; none where it is not set, see ``is_set``.

        Text in ISO 8601 is read too, since SQLite keeps times as text, and a day as its beginning.
        Of an hour that comes twice the first one is meant.

        :raises ValueError: it is neither a time nor null.
        """
        if not is_set(value):
            return None
        time = self._as_stored(value)
        aware = time if time.tzinfo else time.replace(tzinfo=self.timezone)
        try:
            return aware.astimezone(UTC)
        except OverflowError as error:
            raise ValueError(f"{value!r} is no time") from error

    def bind_time(self, time: datetime) -> datetime | str:
        """An aware time as the ERP's columns hold it: local, without an offset, whole seconds."""
        return self._bind(time.astimezone(self.timezone).replace(tzinfo=None))

    def bind_interval(
        self, start: datetime, end: datetime
    ) -> tuple[datetime | str, datetime | str]:
        """
        Bounds of local times between which all rows of an interval lie, and not many others.

        Where clocks change within a day of a bound, it is wider by that change: times of an hour
        that comes twice, or never, lie apart from those beside them. ``read_time`` tells the rest.

        :param start: aware, included.
        :param end: aware, not included.
        """
        return (
            self._bind(min(self._locals(start))),
            self._bind(max(self._locals(end))),
        )

    def is_time(self, value: object, time: datetime) -> bool:
        """
        Whether a value of the ERP is an aware time, as far as its column can tell.

        A column may know no offset, no seconds, or the day alone.
        """
        try:
            stored = self._as_stored(value)
        except ValueError:
            return False
        local = time.astimezone(stored.tzinfo or self.timezone).replace(tzinfo=None, microsecond=0)
        stored = stored.replace(tzinfo=None, microsecond=0)
        if stored == datetime.combine(stored, datetime.min.time()):
            return stored.date() == local.date()
        if stored.second == 0:
            return abs(stored - local) < timedelta(minutes=1)
        return stored == local

    def prepare(self, connection: Connection) -> None:
        """
        Let the session be in the ERP's time zone: columns that keep one convert what is bound.

        :raises OperationalError: the connection is gone.
        """
        zone = str(self.timezone)
        if connection.dialect.name == "postgresql":
            connection.execute(text("select set_config('TimeZone', :zone, true)"), {"zone": zone})
            _read_any_time(connection)
        elif connection.dialect.name in ("mysql", "mariadb"):
            # Most servers know offsets only, and these say nothing of a zone that changes them.
            offset = _only_offset(self.timezone)
            try:
                connection.execute(text("set time_zone = :zone"), {"zone": offset or zone})
            except OperationalError as error:
                if error.orig is None or error.orig.args[0] != _UNKNOWN_ZONE:
                    raise

    def _bind(self, local: datetime) -> datetime | str:
        local = local.replace(microsecond=0)
        return local.isoformat(" ") if self.engine.dialect.name == "sqlite" else local

    def _locals(self, time: datetime) -> set[datetime]:
        """What a time is by the offsets in force around it."""
        utc = time.astimezone(UTC)
        offsets = {
            near.astimezone(self.timezone).utcoffset() for near in (utc - _DAY, utc, utc + _DAY)
        }
        return {utc.replace(tzinfo=None) + offset for offset in offsets if offset is not None}

    @staticmethod
    def _as_stored(value: object) -> datetime:
        """:raises ValueError: it is no time."""
        if isinstance(value, str):
            return datetime.fromisoformat(value.strip())
        if isinstance(value, datetime):
            return value
        if isinstance(value, date):
            return datetime.combine(value, datetime.min.time())
        raise ValueError(f"{value!r} is no time")


def is_set(value: object) -> bool:
    """
    Whether a time of the ERP is set.

    It is not when it is null, blank, zeros as MySQL keeps them where a column must not be null, or
    a day before there were parcels to track or at the end of time, such as 1970-01-01, 9999-12-31.
    """
    if value is None or _ZERO.fullmatch(str(value)):
        return False
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return True
    return not isinstance(value, date) or FIRST_YEAR <= value.year <= LAST_YEAR


def _only_offset(zone: ZoneInfo) -> str | None:
    """The offset of a zone that never changes it any more, as MySQL writes it."""
    offsets = {
        datetime(year, month, 1, tzinfo=zone).strftime("%z")
        for year in (2025, 2035)
        for month in range(1, 13)
    }
    if len(offsets) > 1:
        return None
    (offset,) = offsets
    return f"{offset[:3]}:{offset[3:5]}"


def _read_any_time(connection: Connection) -> None:
    """Let psycopg give a time that Python cannot hold, such as infinity, as text: one bad row."""
    driver = connection.connection.driver_connection
    if driver is not None and connection.dialect.driver == "psycopg":
        for name, loader in _any_time_loaders().items():
            driver.adapters.register_loader(name, loader)


@cache
def _any_time_loaders() -> dict[str, type]:
    from psycopg import DataError
    from psycopg.types import datetime as loaders

    def lenient(kind: Any) -> type:
        class AnyTime(kind):
            def load(self, data: bytes) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode()

        return AnyTime

    return {
        "date": lenient(loaders.DateLoader),
        "timestamp": lenient(loaders.TimestampLoader),
        "timestamptz": lenient(loaders.TimestamptzLoader),
    }
