"""
The outbox: notices are addressed to channels, claimed by lease, sent and acknowledged.

A notice is sent at least once; twice only when a process died between sending and acknowledging,
and then with the same event id. Each parcel's notices reach a channel in their order, and one
channel that is down delays no other. No database transaction is open while something is sent.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row

from shipment_tracking.channels.destination import Channels, Destination, account_of
from shipment_tracking.domain.masking import mask
from shipment_tracking.domain.models import Run
from shipment_tracking.errors import ChannelDownError, DeliveryError, PersonNeededError
from shipment_tracking.statements import query
from shipment_tracking.warehouse import runs

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)
BUDGET = timedelta(minutes=10)
TRIES = 14
FIRST_PAUSE = timedelta(seconds=30)
"""After the first failure; twice as long after each further one: 68 hours until the last try."""

FAILURES_IN_A_ROW = 3
BATCH = 10
"""Notices claimed at once: even if each takes its whole time-out, they fit into a lease."""

MOST_THREADS = 32
MOST_SHOWN = 20
SHANGHAI = ZoneInfo("Asia/Shanghai")
OUTCOMES = ("sent", "failed", "dead", "suppressed")


@dataclass(frozen=True, slots=True)
class Claim:
    """A notice that is ours for a while."""

    notification_id: int
    lease_token: int
    event_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message and the notices it tells of.

    :param body: None when nobody may be told; ``suppressed`` then says why.
    :param error: what somebody has to fix so that they can be notified.
    """

    claims: Sequence[Claim]
    event_id: UUID
    body: Mapping[str, Any] | None
    suppressed: str = ""
    error: str | None = None


Compose = Callable[[Destination, Sequence[Claim]], Sequence[Message]]


@dataclass(slots=True)
class _Served:
    """What became of one destination's notices."""

    destination: Destination
    counts: Counter[str] = field(default_factory=Counter)
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Outbox:
    """
    The notices of one kind in the hands of one task.

    :param owner: the same for every try of the task, so that a retry takes its own leases back.
    :param digest: whether these are alarms, sent together, or notices of their own.
    :param now: aware; what is due by then is sent. Leases are on the database's clock.
    """

    engine: Engine
    this_run: Run
    owner: str
    now: datetime
    digest: bool = False
    lease: timedelta = LEASE

    def accounts(self, connection: Connection) -> list[str]:
        """The accounts that have something to tell in this run."""
        binds = {"only_account": self.this_run.only_account}
        return list(self._execute(connection, "accounts", **binds).scalars())

    def address(
        self, connection: Connection, channels: Channels, accounts: Sequence[str]
    ) -> Counter[str]:
        """
        Give every due notice a row per channel that wants it; the newest of a parcel wins.

        What an audience with a broken connection should get waits for its mending.

        :param accounts: those whose channels are known; the others' notices are left alone.
        :returns: how many were ``suppressed``.
        """
        binds = {
            "accounts": list(accounts),
            "destinations": json.dumps([_recipient(each) for each in channels.destinations]),
            "broken": json.dumps(
                [
                    {"audience": audience, "account": account_of(audience)}
                    for audience in channels.broken
                ]
            ),
        }
        self._execute(connection, "lock")
        suppressed = len(self._execute(connection, "address", **binds).all())
        suppressed += len(self._execute(connection, "coalesce").all())
        suppressed += len(self._execute(connection, "suppress_unwanted", **binds).all())
        return Counter(suppressed=suppressed)

    def preview(self, connection: Connection, accounts: Sequence[str]) -> int:
        """
        Log what a run that sends would send, masked and not more than a screen of it.

        :returns: how many notices that is.
        """
        rehearsal = self.this_run.rehearsal
        rows = self._execute(connection, "preview", accounts=list(accounts), most=MOST_SHOWN).all()
        for row in rows:
            line = (
                f"{row.reason}: parcel {row.waybill_no or row.consignment_id} of {row.account} "
                f"to {row.audience}/{row.channel}"
            )
            log.info("%s: %s", rehearsal, mask(line))
        notices = rows[0].notices if rows else 0
        log.info("%s: %d notices would be sent; nothing was sent", rehearsal, notices)
        return notices

    def suppress_shadow(self, connection: Connection, accounts: Sequence[str]) -> int:
        """Give up what is due, so that nobody is flooded once sending is allowed."""
        return len(self._execute(connection, "shadow", accounts=list(accounts)).all())

    def contents(self, claims: Sequence[Claim]) -> dict[int, Row[Any]]:
        """What may be said of each notice, by its id."""
        notices = [claim.notification_id for claim in claims]
        with self.engine.begin() as connection:
            rows = self._execute(connection, "contents", notices=notices).all()
        return {row.notification_id: row for row in rows}

    def deliver(
        self,
        channels: Channels,
        accounts: Sequence[str],
        compose: Compose,
        *,
        batch: int = BATCH,
        budget: timedelta = BUDGET,
    ) -> Counter[str]:
        """
        Send what is due, every destination in a thread of its own.

        :param compose: makes messages of claimed notices, right before they are sent.
        :param budget: wall-clock time after which nothing new is claimed.
        :returns: how many notices were ``sent``, ``failed``, are ``dead`` or ``suppressed``.
        :raises ChannelDownError: a channel failed, now or before, and notices wait for it;
            everything else was sent.
        :raises PersonNeededError: an audience's connection, text or contacts cannot be used;
            everything else was sent.
        """
        with self.engine.begin() as connection:
            self._execute(connection, "take_back")
        stop_at = time.monotonic() + budget.total_seconds()
        served: list[_Served] = []
        problems: list[Exception] = list(channels.broken.values())
        stopped = Event()

        def is_over() -> bool:
            return stopped.is_set() or time.monotonic() >= stop_at

        def serve(destination: Destination) -> _Served:
            # One connection for all: to open one takes longer than to send a message.
            with self.engine.connect() as connection:
                return self._serve(connection, destination, accounts, compose, batch, is_over)

        pool = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="channel")
        try:
            serving = [pool.submit(serve, destination) for destination in channels.destinations]
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
        problems += [down for each in served if (down := self._down(each))]
        if problems:
            _raise(problems)
        return sum((each.counts for each in served), Counter())

    def _serve(
        self,
        connection: Connection,
        destination: Destination,
        accounts: Sequence[str],
        compose: Compose,
        batch: int,
        is_over: Callable[[], bool],
    ) -> _Served:
        """
        Send one channel its due notices, until none is left or it fails time and again.

        Once it takes one, what it refused while it was away is due too.
        """
        served = _Served(destination)
        failures = 0
        is_hastened = False
        while not is_over():
            # Earlier than the database thinks, so that a slow process sends nothing it has lost.
            deadline = time.monotonic() + self.lease.total_seconds() * 0.9
            held = self._claim(connection, destination, accounts, batch)
            if not held:
                if is_hastened or not served.counts["sent"]:
                    return served
                is_hastened = True
                self._hasten(connection, destination)
                continue
            try:
                for message in compose(destination, list(held.values())):
                    if is_over() or time.monotonic() >= deadline:
                        break
                    error = self._send(connection, served, message)
                    for claim in message.claims:
                        del held[claim.notification_id]
                    failures = failures + 1 if error else 0
                    if error and (failures == FAILURES_IN_A_ROW or error.retry_after):
                        return served
            finally:
                if held:
                    self._on_claims(connection, "release", list(held.values()))
        log.warning("%s: the time of this run is over; the rest waits", destination)
        return served

    def _claim(
        self,
        connection: Connection,
        destination: Destination,
        accounts: Sequence[str],
        most: int,
    ) -> dict[int, Claim]:
        with connection.begin():
            self._execute(connection, "lock")
            rows = self._execute(
                connection,
                "claim",
                audience=destination.audience,
                channel=destination.channel_name,
                accounts=list(accounts),
                lease=self.lease,
                most=most,
            ).all()
        rows = sorted(rows, key=lambda row: (row.due_at, row.notification_id))
        return {row.notification_id: Claim(*row[:4]) for row in rows}

    def _hasten(self, connection: Connection, destination: Destination) -> None:
        with connection.begin():
            self._execute(
                connection,
                "reset_backoff",
                audience=destination.audience,
                channel=destination.channel_name,
                first_pause=FIRST_PAUSE,
            )

    def _send(
        self, connection: Connection, served: _Served, message: Message
    ) -> DeliveryError | None:
        """Send one message and write down what came of it."""
        if message.body is None:
            self._on_claims(
                connection,
                "suppress",
                message.claims,
                reason=message.suppressed,
                error=message.error,
            )
            served.counts["suppressed"] += len(message.claims)
            return None
        try:
            served.destination.channel.send(message.event_id, message.body)
        except DeliveryError as error:
            states = self._on_claims(
                connection,
                "fail",
                message.claims,
                error=str(error),
                tries=TRIES,
                first_pause=FIRST_PAUSE,
                retry_after=timedelta(seconds=error.retry_after),
            )
            served.last_error = str(error)
            served.counts["dead"] += states.count("dead")
            served.counts["failed"] += len(message.claims) - states.count("dead")
            return error
        self._acknowledge(connection, message)
        served.counts["sent"] += len(message.claims)
        return None

    def _acknowledge(self, connection: Connection, message: Message) -> None:
        with connection.begin():
            reasons = [claim.reason for claim in message.claims]
            known = self._execute(
                connection, "acknowledge", reasons=reasons, **_tokens(message.claims)
            ).all()
            runs.add(connection, self.this_run, now=self.now, notices_sent=len(known))
        if len(known) < len(message.claims):
            log.warning("message %s took longer than its lease", message.event_id)

    def _on_claims(
        self, connection: Connection, name: str, claims: Sequence[Claim], **binds: Any
    ) -> list[Any]:
        with connection.begin():
            result = self._execute(connection, name, **_tokens(claims), **binds)
            return list(result.scalars()) if result.returns_rows else []

    def _down(self, served: _Served) -> ChannelDownError | None:
        """The error of a channel that failed, also when it is too early to try it again."""
        destination = served.destination
        with self.engine.begin() as connection:
            waiting = self._execute(
                connection,
                "waiting",
                audience=destination.audience,
                channel=destination.channel_name,
                first_pause=FIRST_PAUSE,
            ).one()
        reason = served.last_error or waiting.last_error
        if reason is None:
            return None
        return ChannelDownError(f"{destination}: {waiting.notices} notices are pending: {reason}")

    def _execute(self, connection: Connection, name: str, **binds: Any) -> Any:
        given = {"now": self.now, "digest": self.digest, "owner": self.owner, **binds}
        return connection.execute(query(f"outbox.{name}"), given)


def shanghai(time: datetime | None) -> str | None:
    """A time as messages show it: ISO 8601 with the offset of Shanghai."""
    return time.astimezone(SHANGHAI).isoformat() if time else None


def counts(found: Mapping[str, int]) -> dict[str, int]:
    """Every outcome with its number."""
    return {outcome: found.get(outcome, 0) for outcome in OUTCOMES}


def _recipient(destination: Destination) -> dict[str, Any]:
    return {
        "audience": destination.audience,
        "channel": destination.channel_name,
        "account": destination.account,
        "statuses": destination.statuses,
    }


def _tokens(claims: Sequence[Claim]) -> dict[str, list[int]]:
    return {
        "notices": [claim.notification_id for claim in claims],
        "tokens": [claim.lease_token for claim in claims],
    }


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
