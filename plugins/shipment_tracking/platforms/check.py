"""
Whether a connection works, and if not, which part of it: a few harmless questions, no warehouse.

The questions are the dialect's own (``probes``). They take no slot of the app key's quota, which
lives in a warehouse that may be out of reach; instead they are few, and far apart.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from shipment_tracking.domain.findings import Finding
from shipment_tracking.errors import (
    PersonNeededError,
    PlatformError,
    QuotaError,
    UnmappedError,
)
from shipment_tracking.platforms.dialects import DIALECTS
from shipment_tracking.platforms.gateway import Gateway

SHORTEST_PAUSE = 0.2  # seconds


class Pause:
    """
    Call times for one thread that asks little: each some time after the last.

    :param qps: the connection's own limit.
    :param shortest: seconds from one call to the next, at least.
    """

    def __init__(self, qps: float, *, shortest: float = SHORTEST_PAUSE) -> None:
        self.seconds = max(shortest, 1.04 / qps)
        self._next = 0.0

    def acquire(self) -> None:
        """Wait until a call may be made."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self.seconds

    def block(self, seconds: float) -> None:
        """Nothing: a try that follows waits by itself, and a check ends where it is held up."""

    def close(self) -> None:
        """Nothing is held."""


def check(gateway: Gateway, *, now: Callable[[], datetime]) -> Iterator[Finding]:
    """
    Ask every question of the account's dialect and tell each answer as it comes; then close.

    :param now: this machine's time, aware, held against the platform's.
    """
    account = gateway.account
    goes_on = True
    try:
        for probe in DIALECTS[account.dialect].probes(gateway, now):
            if not goes_on:
                yield Finding(probe.about, None)
                continue
            try:
                yield Finding(probe.about, True, probe.ask())
            except PlatformError as error:
                goes_on = not (probe.is_base or isinstance(error, QuotaError))
                said = str(error).removeprefix(f"{account.conn_id}: ")
                yield Finding(probe.about, False, f"{said}{_remedy(error)}")
    finally:
        gateway.close()


def _remedy(error: PlatformError) -> str:
    """What to do, where the error does not say it itself."""
    if isinstance(error, PersonNeededError):
        return ""
    if isinstance(error, QuotaError):
        return "; wait, then check again"
    if isinstance(error, UnmappedError):
        return "; an answer that is in no table of this version: ask the platform what it means"
    return (
        "; check again, and if it stays so, correct the host (gateway) of the connection or this "
        "machine's way to it (DNS, proxy, firewall)"
    )
