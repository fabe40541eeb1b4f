"""An ERP's database with its own idea of time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class ErpDatabase:
    """
    Where the statements under ``include/sql/erp`` run.

    :param timezone: what a time without an offset means there.
    :param may_write: whether its owner allows that anything is written there or sent to anybody.
    """

    engine: Engine
    timezone: ZoneInfo
    may_write: bool = False

    def read_time(self, value: object) -> datetime | None:
        """
        A time of the ERP in UTC; text in ISO 8601 is read too, since SQLite keeps times as text.

        :raises ValueError: it is neither a time nor null.
        """
        if value is None or value == "":
            return None
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(time, datetime):
            raise ValueError(f"{value!r} is no time")
        aware = time if time.tzinfo else time.replace(tzinfo=self.timezone)
        try:
            return aware.astimezone(UTC)
        except OverflowError as error:
            raise ValueError(f"{value!r} is no time") from error

    def bind_time(self, time: datetime) -> datetime | str:
        """An aware time as the ERP's columns hold it: local, without an offset, whole seconds."""
        local = time.astimezone(self.timezone).replace(tzinfo=None, microsecond=0)
        return local.isoformat(" ") if self.engine.dialect.name == "sqlite" else local

    def is_time(self, value: object, time: datetime) -> bool:
        """Whether a value of the ERP is an aware time, as far as its column can tell."""
        if isinstance(value, date) and not isinstance(value, datetime):
            return value == time.astimezone(self.timezone).date()
        stored = self.read_time(value)
        return stored is not None and stored == time.replace(microsecond=0)


def read_flag(value: object) -> bool:
    """
    A yes or no of the ERP: a boolean, 0 or 1 as a number or a text, or one bit.

    :raises ValueError: it is none of these.
    """
    for flag, spellings in ((False, (0, "0", b"\0")), (True, (1, "1", b"\1"))):
        if value in spellings:
            return flag
    raise ValueError(f"{value!r} is neither 0 nor 1")
