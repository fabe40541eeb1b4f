"""What the tests of notices share: an outbox, and channels that behave as told."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from shipment_tracking.channels.port import Channel, Destination, Limits
from shipment_tracking.warehouse import runs
from shipment_tracking.warehouse.delivery import BUDGET, deliver
from shipment_tracking.warehouse.outbox import Claim, Message, Outbox

ACCOUNTS = ["platform_1688", "platform_1688_east"]


def plain(destination: Destination, claims: Sequence[Claim]) -> list[Message]:
    """Messages that say as little as possible."""
    return [
        Message([claim], claim.event_id, {"event_id": str(claim.event_id), "reason": claim.reason})
        for claim in claims
    ]


@dataclass
class Wrapped:
    """
    A channel that does something before a message goes out, or instead.

    :param before: called with each event id; what it raises is the outcome.
    """

    inner: Channel
    before: Callable[[UUID], None] = lambda event_id: None
    limits: Limits = field(default_factory=Limits)
    identity: str = "wrapped"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        self.before(event_id)
        self.inner.send(event_id, body)


@dataclass
class Halting(Wrapped):
    """A channel that stands still once it has sent, as a process does that is about to die."""

    sent: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        self.inner.send(event_id, body)
        self.sent.set()
        assert self.go_on.wait(30)


@pytest.fixture
def wrap(destination) -> Callable[..., Destination]:
    """An endpoint's channel that does something before each message; see ``Wrapped``."""

    def make(before: Callable[[UUID], None] = lambda event_id: None, **limits: Any) -> Destination:
        usual = destination("ops")
        return replace(usual, channel=Wrapped(usual.channel, before, Limits(**limits)))

    return make


@pytest.fixture
def outbox(warehouse, new_run, now) -> Outbox:
    this_run = new_run(now)
    with warehouse.begin() as connection:
        runs.begin(connection, this_run)
    return Outbox(warehouse, this_run, "first", now)


@pytest.fixture
def post(outbox, to) -> Callable[..., Counter[str]]:
    """Address and deliver to these destinations."""

    def send(
        *wanted: str | Destination,
        by: Outbox = outbox,
        compose: Any = plain,
        accounts: Sequence[str] = ACCOUNTS,
        budget: timedelta = BUDGET,
        **broken: Exception,
    ) -> Counter[str]:
        found = to(*wanted, **broken)(())
        with by.engine.begin() as connection:
            addressed = by.address(connection, found, accounts)
        return addressed + deliver(by, found, accounts, compose, budget=budget)

    return send


@pytest.fixture
def under_way(post, destination) -> Callable[..., Any]:
    """While the first message of a pass is taken but not acknowledged yet."""

    @contextmanager
    def halt() -> Iterator[None]:
        usual = destination("ops")
        halting = Halting(usual.channel)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(post, replace(usual, channel=halting))
            assert halting.sent.wait(30)
            try:
                yield
            finally:
                halting.go_on.set()
            first.result()

    return halt


@pytest.fixture
def told(receiver) -> Callable[[str], list[UUID]]:
    """The event ids that an endpoint took, in order."""
    return lambda name="ops": [UUID(each.event_id) for each in receiver.deliveries(name)]


@pytest.fixture
def states(select) -> Callable[..., list[tuple[Any, ...]]]:
    """Channel, state, reason and attempts of each notice, oldest first."""
    return lambda: list(
        map(
            tuple,
            select(
                "channel, state, reason, attempts from tracking.notification order by 1, created_at"
            ),
        )
    )
