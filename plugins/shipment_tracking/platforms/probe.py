"""One question of a check: what every dialect offers, and ``check`` asks in turn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shipment_tracking.platforms.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Probe:
    """
    A question that changes nothing and is about no real order.

    :param about: what is all right when it is answered.
    :param ask: asks it; returns a warning or ``""``, raises a ``PlatformError`` when it is refused.
    :param is_base: when it is refused, the questions after it would tell nothing.
    """

    about: str
    ask: Callable[[], str]
    is_base: bool = False


class Probes(Protocol):
    """The questions of a dialect, in the order in which its gateway looks at a call."""

    def __call__(self, gateway: Gateway, now: Callable[[], datetime]) -> Iterator[Probe]:
        """:param now: this machine's time, where a platform's time can be held against it."""
