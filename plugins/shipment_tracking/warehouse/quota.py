"""
Call times for everybody who shares an app key, kept in one warehouse row.

Promise: at send time never more than ``qps`` calls in any second, over any number of threads,
tasks, DAGs and machines. The row hands out times 1.04/qps apart on the database's clock; a time
that is not used within ``TOLERANCE`` is thrown away, since late calls would bunch with the next,
and so is what the row says when its answer takes that much longer than others did.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from shipment_tracking.errors import QuotaError
from shipment_tracking.statements import query

MOST_SLOTS_AT_ONCE = 5
ANSWERS_COMPARED = 20
# Ten calls at 10/s take 1.04 s, so two of them may drift by 40 ms together before a second
# holds eleven; most of that is left to the network.
TOLERANCE = 0.01


@dataclass
class _Share:
    """The times that this process owns of one quota row; monotonic seconds."""

    name: str
    slots: deque[float] = field(default_factory=deque)
    blocks: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: int = 0
    waiting_lock: threading.Lock = field(default_factory=threading.Lock)

    def count_waiting(self, change: int) -> None:
        """One thread more, or one fewer, wants a slot."""
        with self.waiting_lock:
            self.waiting += change


class Quota:
    """
    The right to call, one call at a time; safe to use from many threads.

    :param engine: the warehouse.
    :param gateway: scheme and host of the platform; with ``app_key`` it names the shared row.
    :param account: the connection that registers its own ``qps``; the smallest one counts.
    :param backfill: also draw on the backfills' fifth.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        gateway: str,
        app_key: str,
        account: str,
        qps: float,
        backfill: bool = False,
    ) -> None:
        self._engine = engine
        self._key = {"gateway": gateway, "app_key": app_key}
        self._account = account
        self._qps = qps
        names = ["backfill", "all"] if backfill else ["all"]
        self._shares = [_Share(name) for name in names]
        self._durations: deque[float] = deque(maxlen=ANSWERS_COMPARED)
        self._connection: Connection | None = None
        self._connection_lock = threading.Lock()
        self._registered = False

    def acquire(self) -> None:
        """
        Wait for a call time and return within ``TOLERANCE`` of it.

        :raises QuotaError: the platform wants no calls for more than a minute.
        """
        for share in self._shares:
            self._acquire(share)

    def block(self, seconds: float) -> None:
        """Let nobody who shares the app key call for ``seconds`` from now."""
        self._execute("block", seconds=seconds)
        for share in self._shares:
            with share.lock:
                share.slots.clear()
                share.blocks += 1

    def close(self) -> None:
        """Give the database connection back; the quota may be used again afterwards."""
        with self._connection_lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _acquire(self, share: _Share) -> None:
        while True:
            share.count_waiting(+1)
            try:
                with share.lock:
                    while not share.slots:
                        self._reserve(share)
                    slot, blocks = share.slots.popleft(), share.blocks
            finally:
                share.count_waiting(-1)
            time.sleep(max(0.0, slot - time.monotonic()))
            if share.blocks == blocks and time.monotonic() - slot <= TOLERANCE:
                return

    def _reserve(self, share: _Share) -> None:
        """Get times from the row; none if they may have been late on their way here."""
        slots = max(1, min(MOST_SLOTS_AT_ONCE, share.waiting))
        asked = time.monotonic()
        row = self._execute("reserve", share=share.name, slots=slots)
        if row is None:
            blocked = self._execute("blocked_until")
            until = blocked[0] if blocked else None
            raise QuotaError(
                f"no call of app key {self._key['app_key']} before {until}", until=until
            )
        spacing, wait = row
        answered = time.monotonic()
        self._durations.append(answered - asked)
        if answered - asked - min(self._durations) <= TOLERANCE:
            share.slots.extend(answered + wait + number * spacing for number in range(slots))

    def _execute(self, name: str, **binds: object) -> tuple | None:
        with self._connection_lock:
            try:
                return self._execute_on_own_connection(name, binds)
            except OperationalError:
                # The database was restarted: its connection is gone, the quota row is not.
                self._connection = None
                return self._execute_on_own_connection(name, binds)

    def _execute_on_own_connection(self, name: str, binds: dict[str, object]) -> tuple | None:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            )
        if not self._registered:
            self._connection.execute(
                query("quota.register"),
                {**self._key, "account": self._account, "qps": self._qps},
            )
            self._registered = True
        result = self._connection.execute(query(f"quota.{name}"), {**self._key, **binds})
        return tuple(found) if result.returns_rows and (found := result.first()) else None
