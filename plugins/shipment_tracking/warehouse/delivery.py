"""
Sends the outbox: every channel in a thread of its own, with as many messages at once as it takes.

A notice is sent at least once; twice only when a process died between sending and acknowledging,
and then with the same event id. Each parcel's notices reach a channel in their order, since only
one of them is claimed at a time; and one channel that is down delays no other. No database
transaction is open while something is sent.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event

from sqlalchemy import Connection

from shipment_tracking.channels.port import Channels, Destination
from shipment_tracking.errors import (
    ChannelDownError,
    ChannelRefusedError,
    DeliveryError,
    PersonNeededError,
    RateLimitedError,
    ReceiverClosedError,
    UnreachableError,
)
from shipment_tracking.warehouse import channel_rate
from shipment_tracking.warehouse.outbox import Claim, Message, Outbox

log = logging.getLogger(__name__)

BUDGET = timedelta(minutes=10)
FAILURES_IN_A_ROW = 3
BATCH = 10
"""
Notices claimed for each message that may be under way: even if each takes its whole time-out, they
fit into a lease.
"""

MOST_IN_DIGESTS = 1000
"""Notices claimed for the digests of one channel."""

MOST_HALVINGS = 8
"""Digests in a row that may be refused for what they say before their channel is left alone."""

MINUTES = 2
"""Of a channel with a rate no more is claimed than fits into them; a lease is longer."""

MOST_THREADS = 32

Compose = Callable[[Destination, Sequence[Claim]], Sequence[Message]]
Mistakes = Callable[[Destination], Mapping[str, PersonNeededError]]
"""By word, why a destination's text for it cannot be used."""


def deliver(
    outbox: Outbox,
    channels: Channels,
    accounts: Sequence[str],
    compose: Compose,
    *,
    mistakes: Mistakes = lambda destination: {},
    batch: int | None = None,
    budget: timedelta = BUDGET,
) -> Counter[str]:
    """
    Send what is due, to each channel until its quiet hours begin.

    :param accounts: those whose notices are sent.
    :param compose: makes messages of claimed notices, right before they are sent.
    :param mistakes: tells which texts of a destination cannot be used; their notices stay pending.
    :param batch: the most notices in one message, where they share one.
    :param budget: wall-clock time after which nothing new is claimed.
    :returns: how many notices were ``sent``, ``failed``, are ``dead`` or ``suppressed``.
    :raises ChannelDownError: a channel failed, now or before, and notices wait for it; everything
        else was sent.
    :raises PersonNeededError: an audience's connection, text or contacts cannot be used, or a
        receiver refuses what it says (``ChannelRefusedError``); everything else was sent.
    """
    outbox.take_back()
    began_at = time.monotonic()
    stopped = Event()
    served: list[_Service] = []
    awake = [each for each in channels.destinations if each.awake_for(outbox.now)]
    unusable = [mistakes(destination) for destination in awake]
    wrong_texts = {str(error): error for found in unusable for error in found.values()}
    problems: list[Exception] = [*channels.broken.values(), *wrong_texts.values()]

    def serve(destination: Destination, held_back: Sequence[str]) -> _Service:
        stop_at = began_at + min(budget, destination.awake_for(outbox.now)).total_seconds()
        # One connection for all: to open one takes longer than to send a message.
        with outbox.engine.connect() as connection:
            service = _Service(outbox, connection, destination, held_back, stop_at, stopped)
            service.serve(accounts, compose, batch)
            return service

    pool = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="channel")
    try:
        serving = [
            pool.submit(serve, destination, list(found))
            for destination, found in zip(awake, unusable, strict=True)
        ]
        for future in serving:
            error = future.exception()
            if isinstance(error, Exception):
                problems.append(error)
            else:
                served.append(future.result())
    finally:
        # A task that is told to end waits for the messages under way and no longer.
        stopped.set()
        pool.shutdown(wait=True, cancel_futures=True)
    problems += [problem for each in served if (problem := each.problem())]
    if problems:
        _raise(problems)
    return sum((each.counts for each in served), Counter())


@dataclass(slots=True)
class _Service:
    """
    One channel being served.

    :param held_back: reasons whose notices stay pending.
    :param stop_at: monotonic seconds at which nothing new is begun.
    :param failures: messages that failed since one was taken.
    :param halvings: digests that were refused for what they say since a message was taken.
    :param unanswered: notices that were sent and of which it is not known whether they were taken.
    :param is_taking: whether the last message was taken, so that several may be under way.
    :param is_left: whether the channel is left alone for the rest of this pass.
    :param is_closed: whether it takes nothing until its connection is corrected.
    """

    outbox: Outbox
    connection: Connection
    destination: Destination
    held_back: Sequence[str]
    stop_at: float
    stopped: Event
    deadline: float = 0
    counts: Counter[str] = field(default_factory=Counter)
    last_error: str | None = None
    unexpected: BaseException | None = None
    failures: int = 0
    halvings: int = 0
    unanswered: set[int] = field(default_factory=set)
    is_taking: bool = False
    is_left: bool = False
    is_closed: bool = False

    def serve(self, accounts: Sequence[str], compose: Compose, batch: int | None) -> None:
        """
        Send the due notices until none is left or the channel fails time and again.

        Once it takes one, what it refused while it was away is due too.
        """
        limits = self.destination.channel.limits
        if batch:
            most = min(batch, limits.most_items or batch)
        elif self.destination.digest:
            most = MOST_IN_DIGESTS
        else:
            most = BATCH * limits.at_once
            if limits.per_minute:
                most = min(most, MINUTES * limits.per_minute)
        is_reset = False
        with ThreadPoolExecutor(limits.at_once, thread_name_prefix="message") as pool:
            while not self._is_over():
                # Earlier than the database thinks, so that a slow process sends nothing it lost.
                self.deadline = time.monotonic() + self.outbox.lease.total_seconds() * 0.9
                held = self.outbox.claim(
                    self.connection, self.destination, accounts, self.held_back, most
                )
                if held:
                    self._send_claimed(pool, held, compose)
                    if self.is_left:
                        return
                elif is_reset or not self.counts["sent"]:
                    return
                else:
                    is_reset = True
                    self.outbox.reset_backoff(self.connection, self.destination)
        log.warning("%s: the time of this run is over; the rest waits", self.destination)

    def problem(self) -> ChannelDownError | ChannelRefusedError | None:
        """The error of a channel that failed, also when it is too early to try it again."""
        waiting = self.outbox.waiting(self.destination)
        reason = self.last_error or waiting.last_error
        if reason is None:
            return None
        if self.is_closed:
            return ChannelRefusedError(
                f"{self.destination}: {waiting.notices} notices are pending, {self.counts['dead']} "
                f"are dead: {reason}"
            )
        return ChannelDownError(
            f"{self.destination}: {waiting.notices} notices are pending: {reason}"
        )

    def _is_over(self) -> bool:
        return self.stopped.is_set() or time.monotonic() >= self.stop_at

    def _send_claimed(
        self, pool: ThreadPoolExecutor, held: dict[int, Claim], compose: Compose
    ) -> None:
        """Send what is claimed, and free what is not sent."""
        try:
            to_send: deque[Message] = deque()
            for message in self._composed(compose, list(held.values())):
                if message.body is not None:
                    to_send.append(message)
                    continue
                if message.suppressed:
                    self.outbox.suppress(self.connection, message)
                    self.counts["suppressed"] += len(message.claims)
                else:
                    self._put_off(message, DeliveryError(message.error or ""))
                _let_go(message.claims, held)
            with closing(self._send_all(pool, to_send)) as outcomes:
                for message, error in outcomes:
                    if self._is_to_be_halved(message, error):
                        to_send += self._halves(message, compose)
                    else:
                        _let_go(self._note(message, error), held)
        finally:
            if held:
                self.outbox.release(self.connection, list(held.values()), self.unanswered)
        if self.unexpected:
            raise self.unexpected

    def _composed(self, compose: Compose, claims: Sequence[Claim]) -> list[Message]:
        messages = list(compose(self.destination, claims))
        if shared := [message for message in messages if message.is_digest]:
            self.outbox.keep_together(self.connection, shared)
        return messages

    def _is_to_be_halved(self, message: Message, error: BaseException | None) -> bool:
        """Whether a digest is refused for what it says, which may be about one of its parcels."""
        return _is_refused_digest(message, error) and self.halvings < MOST_HALVINGS

    def _halves(self, message: Message, compose: Compose) -> list[Message]:
        self._answered(message)
        self.halvings += 1
        claims = [replace(claim, message_id=None) for claim in message.claims]
        middle = len(claims) // 2
        halves = (claims[:middle], claims[middle:])
        return [each for half in halves for each in self._composed(compose, half)]

    def _send_all(
        self, pool: ThreadPoolExecutor, waiting: deque[Message]
    ) -> Generator[tuple[Message, BaseException | None], None, None]:
        """Send messages in their order and yield each with its error once that is known."""
        under_way: dict[Future[None], Message] = {}
        try:
            while True:
                while waiting and len(under_way) < self._most_under_way():
                    message = waiting.popleft()
                    self.unanswered |= {claim.notification_id for claim in message.claims}
                    under_way[pool.submit(self._send, message)] = message
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    yield under_way.pop(future), future.exception()
        finally:
            wait(under_way)

    def _most_under_way(self) -> int:
        if self.is_left or self._is_over() or time.monotonic() >= self.deadline:
            return 0
        return self.destination.channel.limits.at_once if self.is_taking else 1

    def _send(self, message: Message) -> None:
        """Send one message when it is the channel's turn; runs in a thread of its own."""
        if message.body is None:
            raise ValueError("a message without a body is not sent")
        channel = self.destination.channel
        patience = min(self.deadline, self.stop_at) - time.monotonic()
        channel_rate.await_turn(
            self.outbox.engine, channel, patience=patience, pause=self.stopped.wait
        )
        channel.send(message.event_id, message.body)

    def _answered(self, message: Message) -> None:
        self.unanswered -= {claim.notification_id for claim in message.claims}

    def _note(self, message: Message, error: BaseException | None) -> Sequence[Claim]:
        """Write down what came of a message; the other notices are to be freed as they were."""
        if error is None:
            self.outbox.acknowledge(self.connection, message)
            self._answered(message)
            self.counts["sent"] += len(message.claims)
            self.failures, self.halvings, self.is_taking = 0, 0, True
            return message.claims
        if isinstance(error, DeliveryError):
            self._answered(message)
        if isinstance(error, UnreachableError):
            told = replace(message, suppressed=error.reason, error=str(error))
            self.outbox.suppress(self.connection, told)
            self.counts["suppressed"] += len(message.claims)
            return message.claims
        if isinstance(error, RateLimitedError):
            if error.retry_after:
                channel = self.destination.channel
                channel_rate.block(self.outbox.engine, channel, error.retry_after)
            self.is_left = True
            log.warning("%s: %s; the rest waits", self.destination, error)
            return ()
        if not isinstance(error, DeliveryError):
            self.unexpected, self.is_left = error, True
            return ()
        if isinstance(error, ReceiverClosedError):
            if self.is_closed:
                # It was under way beside the first that met it, which is enough.
                return ()
            message = replace(message, claims=message.claims[:1])
        elif _is_refused_digest(message, error):
            error, self.is_left = DeliveryError(str(error)), True
        self._put_off(message, error)
        self.failures, self.is_taking = self.failures + 1, False
        self.is_closed |= isinstance(error, ReceiverClosedError)
        if self.is_closed or error.retry_after or self.failures >= FAILURES_IN_A_ROW:
            self.is_left = True
        if error.permanent and not self.is_left:
            log.warning("%s: %s", self.destination, error)
        else:
            self.last_error = str(error)
        return message.claims

    def _put_off(self, message: Message, error: DeliveryError) -> None:
        """Note a failure; the notices are due again later, or dead."""
        dead = self.outbox.fail(self.connection, message, error)
        self.counts["dead"] += dead
        self.counts["failed"] += len(message.claims) - dead


def _is_refused_digest(message: Message, error: BaseException | None) -> bool:
    return (
        message.is_digest
        and len(message.claims) > 1
        and isinstance(error, DeliveryError)
        and error.permanent
        and not isinstance(error, ReceiverClosedError)
    )


def _let_go(claims: Sequence[Claim], held: dict[int, Claim]) -> None:
    for claim in claims:
        del held[claim.notification_id]


def _raise(problems: Sequence[Exception]) -> None:
    """Raise all problems as one: what was not expected, else worth a retry, else for a person."""
    expected = (ChannelDownError, PersonNeededError)
    unexpected = [problem for problem in problems if not isinstance(problem, expected)]
    if unexpected:
        for problem in problems:
            log.error("%s", problem)
        raise unexpected[0]
    said = "; ".join(map(str, problems))
    if any(isinstance(problem, ChannelDownError) for problem in problems):
        raise ChannelDownError(said)
    raise type(problems[0])(said)
