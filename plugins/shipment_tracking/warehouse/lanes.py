"""
Work through one account's due orders: claim by lease, ask the platform in threads, record.

A lease keeps two runs from asking for the same order at once; its token keeps a stale
worker from writing. No database transaction is open while a platform is asked.

An account that fails as a whole (not let in, or one order after the other fails) opens its circuit:
the lane ends, and the next one, of whatever run, asks for a single order before it goes on.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import Connection, Engine

from shipment_tracking.domain.models import Run
from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    PlatformError,
    QuotaError,
    RejectedError,
    RetryableError,
)
from shipment_tracking.platforms.ports import THREADS, PlatformClient, Waybills
from shipment_tracking.statements import query
from shipment_tracking.warehouse import runs
from shipment_tracking.warehouse.leases import Leases
from shipment_tracking.warehouse.polling import SPACING
from shipment_tracking.warehouse.rows import UNSTORABLE, fetch

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)
CHUNK = 100
RECORD_EVERY = 5.0  # seconds, and well within a lease
FAILURES_IN_A_ROW = 3 * THREADS
LONGEST_REASON = 300

REFUSED = (*UNSTORABLE, UnicodeError)
"""What recording raises for an answer that cannot be stored."""


@dataclass(frozen=True, slots=True)
class LaneContext:
    """
    What a step of an account's lane works with.

    :param owner: who holds the leases; the same for every try of the task.
    :param budget: wall-clock time this lane has left.
    :param clock: the present, aware.
    """

    warehouse: Engine
    client: PlatformClient
    this_run: Run
    owner: str
    budget: timedelta
    clock: Callable[[], datetime]
    lease: timedelta = LEASE


@dataclass(frozen=True, slots=True)
class Claim:
    """
    An order that is leased to us.

    :param waybills: what its platform calls its known parcels, by waybill number; parcels of one
        box share a number.
    :param signatures: by what its platform calls those of its parcels that are known to be signed,
        whether that is confirmed.
    """

    order_id: int
    lease_token: int
    platform_order_id: str
    fingerprint: str | None
    all_signed: bool
    waybills: Waybills = field(default_factory=dict, hash=False)
    signatures: Mapping[str, bool] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking for one order: ``found``, or the error."""

    claim: Claim
    asked_at: datetime
    found: Any = None
    error: PlatformError | None = None

    @property
    def is_too_old(self) -> bool:
        """Whether its platform keeps no traces of the order any more."""
        return isinstance(self.error, RejectedError) and self.error.final


@dataclass(frozen=True, slots=True)
class Alike:
    """The commonest reason why open orders fail, how many it fails, and how many are open."""

    reason: str
    failing: int
    open: int


@dataclass(slots=True)
class Lane:
    """
    One account's orders in the hands of one task.

    :param subject: what is asked for, ``listings`` or ``replies``: the module whose statements say
        which orders are due for it, and what is known of them.
    :param binds: of the statement that says which are due.
    """

    engine: Engine
    account: str
    subject: str
    leases: Leases
    binds: Mapping[str, Any]
    is_backfill: bool = False
    held: dict[int, tuple[Claim, float]] = field(default_factory=dict)

    @classmethod
    def due_for(
        cls,
        subject: str,
        context: LaneContext,
        *,
        now: datetime,
    ) -> Self:
        """What is due at ``now``, or what a backfill still has to ask for."""
        this_run = context.this_run
        binds: dict[str, Any] = {"now": now}
        if this_run.is_backfill:
            binds |= {"shipped_from": this_run.shipped_from, "shipped_to": this_run.shipped_to}
        else:
            binds |= {"only_high_priority": this_run.only_high_priority}
        leases = Leases("tracked_order", "order_id", context.owner, context.lease)
        account = context.client.account.conn_id
        return cls(context.warehouse, account, subject, leases, binds, this_run.is_backfill)

    def take_back(self) -> None:
        """Free what an earlier try of this task still holds."""
        with self.engine.begin() as connection:
            self.leases.take_back(connection)

    def claim(self, most: int) -> list[Claim]:
        """Up to ``most`` due orders that nobody else holds."""
        which = "due_for_backfill" if self.is_backfill else "due"
        due = query(f"{self.subject}.{which}")
        binds = {"account": self.account, "most": most, **SPACING, **self.binds}
        deadline = self._deadline()
        with self.engine.begin() as connection:
            tokens = self.leases.take(connection, connection.scalars(due, binds))
            found = connection.execute(query(f"{self.subject}.claimed"), {"orders": list(tokens)})
            known = {row["order_id"]: row for row in found.mappings()}
        claims = [Claim(lease_token=token, **known[each]) for each, token in tokens.items()]
        self.held.update((claim.order_id, (claim, deadline)) for claim in claims)
        return claims

    def holds(self, claim: Claim) -> bool:
        """Whether the order is surely still ours; asked right before a call."""
        held = self.held.get(claim.order_id)
        return held is not None and held[0] == claim and time.monotonic() < held[1]

    def is_newest(self, claim: Claim) -> bool:
        """Whether the order was neither lost nor claimed anew since."""
        held = self.held.get(claim.order_id)
        return held is not None and held[0] == claim

    def renew(self) -> None:
        """Renew the leases that are still ours; drop those that others took."""
        if not self.held:
            return
        deadline = self._deadline()
        with self.engine.begin() as connection:
            still_held = self.leases.renew(connection, self._tokens())
        self.held = {
            order_id: (claim, deadline)
            for order_id, (claim, _) in self.held.items()
            if order_id in still_held
        }

    def release(self) -> None:
        """Give back what was claimed and not asked for."""
        if self.held:
            with self.engine.begin() as connection:
                self.leases.release(connection, self._tokens())
            self.held = {}

    def circuit(self) -> str | None:
        """Why the account failed as a whole when it was last asked; ``None`` if it did not."""
        rows = self._execute("lanes.circuit", account=self.account)
        return next(
            (f"{reason} ({failures} lanes since {at:%F %T %Z})" for at, failures, reason in rows),
            None,
        )

    def open_circuit(self, reason: str) -> None:
        """Let the account's next lane ask for a single order before all others."""
        self._execute("lanes.open_circuit", account=self.account, reason=reason)

    def close_circuit(self) -> None:
        """Let the account's lanes ask for everything again."""
        self._execute("lanes.close_circuit", account=self.account)

    def count_left_over(self, this_run: Run, now: datetime) -> int:
        """Add to the run's numbers what is still due of the account, and return it."""
        ((left_over,),) = self._execute(
            "lanes.left_over",
            account=self.account,
            now=now,
            backfill=this_run.is_backfill,
            shipped_from=this_run.shipped_from,
            shipped_to=this_run.shipped_to,
            only_high_priority=this_run.only_high_priority,
            **SPACING,
        )
        with self.engine.begin() as connection:
            runs.add(connection, this_run, now=now, left_over=left_over)
        return int(left_over)

    def count_usage(self, this_run: Run, client: PlatformClient) -> None:
        """Add to the run's calls what the client did since the last look, and log its warnings."""
        for warning in client.warnings():
            log.warning(warning)
        with self.engine.begin() as connection:
            runs.add_usage(connection, this_run, self.account, client.drain_usage())

    def _tokens(self) -> dict[int, int]:
        return {order_id: claim.lease_token for order_id, (claim, _) in self.held.items()}

    def _deadline(self) -> float:
        # Earlier than the database thinks, so that a slow process cannot ask for others' orders.
        return time.monotonic() + self.leases.length.total_seconds() * 0.9

    def _execute(self, name: str, **binds: Any) -> Sequence[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(query(name), binds)
            return result.all() if result.returns_rows else []


def failing_alike(connection: Connection, account: str) -> Alike | None:
    """Why most of the account's failing orders fail; ``None`` while none does."""
    return next(iter(fetch(connection, "lanes.failing_alike", Alike, account=account)), None)


def fence(connection: Connection, lane: Lane, answers: Sequence[Answer]) -> list[Answer]:
    """The answers whose orders are still leased to the lane; their orders are locked."""
    tokens = {answer.claim.order_id: answer.claim.lease_token for answer in answers}
    held = lane.leases.fence(connection, tokens)
    return [answer for answer in answers if answer.claim.order_id in held]


def finish(
    connection: Connection, lane: Lane, answers: Sequence[Answer], now: datetime
) -> list[int]:
    """
    Close what the platform keeps no traces of, and free the orders of recorded answers.

    :returns: the ids of the orders.
    """
    too_old = [answer.claim.order_id for answer in answers if answer.is_too_old]
    if too_old:
        connection.execute(query("lanes.close_too_old"), {"orders": too_old, "now": now})
    orders = sorted(answer.claim.order_id for answer in answers)
    lane.leases.free(connection, orders)
    return orders


@dataclass(slots=True)
class Tally:
    """
    What a lane did.

    :param lost: answers that came after their lease had ended; somebody asks for them again.
    :param stopped: why orders may be left over.
    """

    asked: int = 0
    failed: int = 0
    lost: int = 0
    stopped: str | None = None

    def told(self, client: PlatformClient, *warnings: str, **counts: int) -> dict[str, Any]:
        """What a lane's task returns: its numbers, and what a person should know of, if any."""
        lost = {"lost": self.lost} if self.lost else {}
        told = [*warnings, *client.warnings()]
        return counts | lost | ({"warnings": told} if told else {})


def work_through(
    lane: Lane,
    ask: Callable[[Claim], Answer],
    record: Callable[[list[Answer]], int],
    *,
    budget: timedelta,
    threads: int = THREADS,
) -> Tally:
    """
    Ask for every due order of the lane until none is left or the budget is spent.

    :param ask: asks the platform and returns its ``PlatformError`` within the answer.
    :param record: writes a chunk of answers in one transaction that checks the lease tokens;
        returns how many were still ours.
    :param budget: wall-clock time after which nothing new is asked for.
    :raises AuthError: the account is not let in.
    :raises PlatformBugError: the platform calls our request malformed.
    :raises RetryableError: the platform fails for one order after the other.
    """
    lane.take_back()
    pool = ThreadPoolExecutor(threads, thread_name_prefix=lane.account)
    work = _Work(lane, pool, ask, record, stop_at=time.monotonic() + budget.total_seconds())
    try:
        work.run()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        lane.release()
    if work.tally.stopped:
        log.warning("%s stops early: %s", lane.account, work.tally.stopped)
    if work.tally.lost:
        log.warning(
            "%s: %d answers came after their lease had ended, as this worker was held up",
            lane.account,
            work.tally.lost,
        )
    return work.tally


class _Work:
    """The loop of ``work_through``: one thread claims and records, the pool's threads ask."""

    def __init__(
        self,
        lane: Lane,
        pool: ThreadPoolExecutor,
        ask: Callable[[Claim], Answer],
        record: Callable[[list[Answer]], int],
        *,
        stop_at: float,
    ) -> None:
        self.lane = lane
        self.pool = pool
        self.ask = ask
        self.record = record
        self.stop_at = stop_at
        self.tally = Tally()
        self.pending: set[Future[Answer | None]] = set()
        self.answers: list[Answer] = []
        self.asked_twice: set[int] = set()
        self.to_ask_again: list[Answer] = []
        self.failures_in_a_row = 0
        self.is_probing = False
        self.broken: PlatformError | None = None
        self.record_every = min(RECORD_EVERY, lane.leases.length.total_seconds() / 4)
        self.recorded_at = time.monotonic()

    def run(self) -> None:
        """Until nothing is due, the time is over or the account turns out to be broken."""
        more = True
        failure = self.lane.circuit()
        if failure:
            log.warning("%s: one order is asked first: %s", self.lane.account, failure)
        self.is_probing = failure is not None
        try:
            while True:
                if more and self._has_room() and self._may_go_on():
                    claims = self.lane.claim(1 if self.is_probing else CHUNK)
                    more = bool(claims)
                    self._submit(claims)
                if not self.pending and self._may_go_on():
                    self._ask_again()
                if not self.pending:
                    return
                done, _ = wait(self.pending, timeout=self.record_every, return_when=FIRST_COMPLETED)
                for future in done:
                    self.pending.discard(future)
                    self._take(future.result())
                if self.broken:
                    self.lane.open_circuit(str(self.broken))
                    raise self.broken
                if len(self.answers) >= CHUNK or self._is_time_to_record():
                    self._save()
        finally:
            self._await_last_answers()
            self.answers += self.to_ask_again
            self._save()

    def _has_room(self) -> bool:
        return len(self.pending) < (1 if self.is_probing else CHUNK // 2)

    def _await_last_answers(self) -> None:
        """Take what is under way; nothing new is asked for."""
        under_way = [future for future in self.pending if not future.cancel()]
        for future in under_way:
            if error := future.exception():
                log.error("%s: an order could not be asked for: %r", self.lane.account, error)
            else:
                self._take(future.result())

    def _may_go_on(self) -> bool:
        if self.tally.stopped is None and time.monotonic() >= self.stop_at:
            self.tally.stopped = "the time of this run is over"
        return self.tally.stopped is None

    def _is_time_to_record(self) -> bool:
        return time.monotonic() - self.recorded_at > self.record_every

    def _submit(self, claims: Sequence[Claim]) -> None:
        self.pending.update(self.pool.submit(self._ask_if_held, claim) for claim in claims)

    def _ask_again(self) -> None:
        again, self.to_ask_again = self.to_ask_again, []
        self.asked_twice.update(answer.claim.order_id for answer in again)
        self._submit([answer.claim for answer in again])

    def _ask_if_held(self, claim: Claim) -> Answer | None:
        may_ask = self.lane.holds(claim) and time.monotonic() < self.stop_at
        return self.ask(claim) if may_ask else None

    def _take(self, answer: Answer | None) -> None:
        if answer is None:
            return
        error = answer.error
        if isinstance(error, AuthError | PlatformBugError):
            self.broken = self.broken or error
            return
        if isinstance(error, QuotaError) and error.until is not None:
            self.tally.stopped = str(error)
            return
        if isinstance(error, RetryableError):
            is_first = answer.claim.order_id not in self.asked_twice
            self._count_failure(error, is_first)
            if is_first:
                self.to_ask_again.append(answer)
                return
        else:
            self.failures_in_a_row = 0
            self._end_probe()
        self.tally.asked += 1
        self.tally.failed += error is not None
        self.answers.append(answer)

    def _count_failure(self, error: RetryableError, is_first: bool) -> None:
        """A transient error of one order; what failed before is no news of the account."""
        self.failures_in_a_row += is_first
        account = self.lane.account
        if self.is_probing:
            self.broken = self.broken or RetryableError(
                f"connection {account} still fails: {error}"
            )
        elif self.failures_in_a_row >= FAILURES_IN_A_ROW:
            self.broken = self.broken or RetryableError(
                f"{self.failures_in_a_row} orders of connection {account} in a row failed, the "
                f"last with: {error}"
            )

    def _end_probe(self) -> None:
        """The platform accepts the credentials."""
        if self.is_probing:
            self.is_probing = False
            self.lane.close_circuit()

    def _save(self) -> None:
        ours = [answer for answer in self.answers if self.lane.is_newest(answer.claim)]
        if ours:
            self.tally.lost -= self._record(ours)
            for answer in ours:
                del self.lane.held[answer.claim.order_id]
        self.tally.lost += len(self.answers)
        self.answers = []
        self.lane.renew()
        self.recorded_at = time.monotonic()

    def _record(self, answers: list[Answer]) -> int:
        """
        Record the answers; how many of them were still ours.

        If the warehouse refuses a chunk, each of its answers is tried on its own, and the one that
        it cannot hold is recorded as an error of its order.
        """
        try:
            return self.record(answers)
        except REFUSED as error:
            if len(answers) > 1:
                return sum(self._record([answer]) for answer in answers)
            (answer,) = answers
            if isinstance(answer.error, _UnstorableError):
                raise
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            log.warning(
                "%s: the answer for order %s cannot be stored: %s",
                self.lane.account,
                answer.claim.platform_order_id,
                reason,
            )
            self.tally.failed += answer.error is None
            refusal = _UnstorableError(f"the warehouse cannot store the answer: {_plain(reason)}")
            return self._record([replace(answer, found=None, error=refusal)])


class _UnstorableError(RejectedError):
    """An answer that the warehouse refused."""


def _plain(reason: str) -> str:
    """The reason in characters that any database can hold."""
    return reason.encode("ascii", "replace").decode().replace("\x00", "")[:LONGEST_REASON]
