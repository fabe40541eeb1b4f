"""The sandbox's clock: real time, or a time that is set and advanced, or one that runs faster."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Self


class Clock:
    """
    Tells world time as an aware datetime in UTC.

    :param start: world time now; the real time when left out.
    :param speed: world seconds per real second; 0 stands still until it is set or advanced.
    """

    def __init__(self, start: datetime | None = None, speed: float = 1.0) -> None:
        self._lock = threading.Lock()
        self._world = _aware(start) if start else datetime.now(UTC)
        self._real = time.monotonic()
        self._speed = speed

    @classmethod
    def real(cls) -> Self:
        """The time of day, as it is."""
        return cls()

    @classmethod
    def standing(cls, start: datetime) -> Self:
        """A time that changes only when somebody sets or advances it."""
        return cls(start, speed=0.0)

    @property
    def speed(self) -> float:
        """World seconds per real second."""
        return self._speed

    def now(self) -> datetime:
        with self._lock:
            return self._now()

    def set(self, at: datetime) -> datetime:
        """Jump to a time, also backwards; the speed stays."""
        with self._lock:
            self._world, self._real = _aware(at), time.monotonic()
            return self._world

    def advance(self, *, minutes: float) -> datetime:
        """Jump by some minutes; returns the new time."""
        with self._lock:
            self._world, self._real = (
                self._now() + timedelta(minutes=minutes),
                time.monotonic(),
            )
            return self._world

    def run(self, speed: float) -> datetime:
        """Go on from the present time at another speed."""
        with self._lock:
            self._world, self._real, self._speed = self._now(), time.monotonic(), speed
            return self._world

    def _now(self) -> datetime:
        return self._world + timedelta(seconds=(time.monotonic() - self._real) * self._speed)


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"a time needs an offset: {at.isoformat()}")
    return at.astimezone(UTC)
