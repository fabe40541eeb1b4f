"""
What holds for the warehouse, whatever happens.

Each function yields what breaks its promise; its name is the promise. Those of the ERP, the calls
and the notices are in `writebacks`, `calls` and `announcements`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Row, text

from sandbox import witness
from sandbox.erp import rows as erp_rows
from sandbox.world import Order, order_truth
from shipment_tracking.warehouse.quality import check_all

if TYPE_CHECKING:
    from .driver import Simulation


PASSING = frozenset(
    {
        "ChannelDownError",
        "OperationalError",
        "QuotaError",
        "RetryableError",
        "TokenError",
        "WritebackError",
    }
)
"""What may happen to a process that wakes up in a later round, with that round's faults."""

Invariant = Callable[["Simulation"], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise, with what it takes to see it again."""

    seed: int
    round: int
    invariant: str
    detail: str

    def __str__(self) -> str:
        return f"seed {self.seed}, round {self.round}: not so: {self.invariant}: {self.detail}"


def stored(warehouse: Engine) -> dict[str, int]:
    """How many rows stand in the tables that only grow."""
    counts = text("""
        select
            (select count(*) from tracking.trace_event) as events,
            (select count(*) from tracking.trace_reply) as replies,
            (select count(*) from tracking.status_change) as changes,
            (
                select count(*) from tracking.notification
                where not digest and reason <> 'delayed'
            ) as notices
    """)
    with warehouse.connect() as connection:
        return dict(connection.execute(counts).one()._mapping)


def open_rows(warehouse: Engine) -> set[str]:
    """Keys of the ERP's rows that are tracked, or closed because they are signed."""
    with warehouse.connect() as connection:
        keys = text(
            "select erp_key from tracking.erp_row"
            " where closed_at is null or close_reason = 'signed'"
        )
        return set(connection.execute(keys).scalars())


def missed_by_feeds(warehouse: Engine) -> int:
    """How many changes were found that no feed had reported."""
    with warehouse.connect() as connection:
        missed = connection.execute(text("select coalesce(sum(missed), 0) from tracking.feed"))
        return int(missed.scalar_one())


def pruned(warehouse: Engine) -> int:
    """How many orders had their parcels deleted."""
    with warehouse.connect() as connection:
        gone = text("select count(*) from tracking.tracked_order where pruned_at is not null")
        return int(connection.execute(gone).scalar_one())


def alerts(warehouse: Engine) -> str:
    """The kinds of alerts that were opened, each with how many, such as ``quota 2``."""
    with warehouse.connect() as connection:
        kinds = text("select kind, count(*) from tracking.alert group by kind order by kind")
        return ", ".join(f"{kind} {opened}" for kind, opened in connection.execute(kinds))


def nothing_waits(warehouse: Engine) -> bool:
    """Whether all evidence is loaded and judged."""
    waits = text("""
        select
            exists (select 1 from tracking.trace_reply where loaded_at is null)
            or exists (select 1 from tracking.shipment where unsettled)
    """)
    with warehouse.connect() as connection:
        return not connection.execute(waits).scalar_one()


def no_order_is_wrongly_signed(life: "Simulation") -> Iterator[str]:
    withdrawn = excused(life)
    for difference in witness.differences(life.warehouse, life.world, life.at):
        if difference.what == "order wrongly signed" and difference.where not in withdrawn:
            yield str(difference)


def nothing_stored_goes_back_in_time(life: "Simulation") -> Iterator[str]:
    for row in rows(life, "delete from simulation.went_back returning *"):
        yield f"{row.what} of {row.id} went from {row.from_time} to {row.to_time}"


def a_step_fails_only_with_a_reason(life: "Simulation") -> Iterator[str]:
    for process in life.processes.all:
        if not process.over.is_set() or process.judged:
            continue
        process.judged = True
        expected = process.expects | (PASSING if process.stopped else frozenset())
        if process.error and not process.killed and process.error not in expected:
            yield f"{process} failed:\n{process.text}"


def the_warehouse_equals_the_truth(life: "Simulation") -> Iterator[str]:
    """But for what was pruned: the ERP tells whether that was over."""
    left_out = tuple(excused(life) | _pruned(life))
    for difference in witness.differences(life.warehouse, life.world, life.at):
        if not difference.where.startswith(left_out):
            yield str(difference)


def no_personal_data_is_stored(life: "Simulation") -> Iterator[str]:
    yield from witness.leaks(life.warehouse, life.world)


def replies_are_stored_in_the_order_of_asking(life: "Simulation") -> Iterator[str]:
    older = """
        select reply_id, order_id, fetched_at, before from (
            select *, lag(fetched_at) over (partition by order_id order by reply_id) as before
            from tracking.trace_reply
        ) as reply
        where fetched_at < before
    """
    for row in rows(life, older):
        yield f"reply {row.reply_id} of order {row.order_id}: {row.fetched_at} after {row.before}"


def changes_chain(life: "Simulation") -> Iterator[str]:
    """From pending on each change begins where the one before ended, up to the present status."""
    changes: dict[int, list[tuple[str, str]]] = defaultdict(list)
    every = "select shipment_id, from_status, to_status from tracking.status_change"
    for row in rows(life, every):
        changes[row.shipment_id].append((row.from_status, row.to_status))
    for row in rows(life, "select shipment_id, status from tracking.shipment"):
        if not _is_chain(changes[row.shipment_id], "pending", row.status):
            yield f"shipment {row.shipment_id}, {row.status}: {changes[row.shipment_id]}"


def no_change_is_stored_twice(life: "Simulation") -> Iterator[str]:
    """It comes again only after a platform took it back, as with an old reply for a while."""
    twice = """
        select change.shipment_id, change.from_status, change.to_status, change.occurred_at
        from tracking.status_change as change
        inner join tracking.status_change as again
            on change.shipment_id = again.shipment_id
            and change.from_status = again.from_status
            and change.to_status = again.to_status
            and change.occurred_at = again.occurred_at
            and change.event_id <> again.event_id
            and change.detected_at <= again.detected_at
        where not exists (
            select 1
            from tracking.status_change as back
            where
                back.shipment_id = change.shipment_id
                and back.from_status = change.to_status
                and back.detected_at between change.detected_at and again.detected_at
        )
    """
    for row in rows(life, twice):
        yield str(tuple(row))


def a_backfill_announces_nothing(life: "Simulation") -> Iterator[str]:
    """Its replies say so, and where it is the only run, so do all notices."""
    spoken = """
        select reply_id, reply.run_id
        from tracking.trace_reply as reply
        inner join tracking.run on reply.run_id = run.run_id
        where reply.announce = (run.run_type = 'backfill')
    """
    for row in rows(life, spoken):
        yield f"reply {row.reply_id} of run {row.run_id}"
    told = """
        select notification_id, reason
        from tracking.notification
        where created_at = :at and state <> 'suppressed' and :backfills_alone
    """
    for row in rows(life, told, at=life.at, backfills_alone=life.backfills_alone):
        yield f"notice {row.notification_id}, {row.reason}"


def no_lease_is_left_behind(life: "Simulation") -> Iterator[str]:
    held = "select order_id, lease_owner from tracking.tracked_order where lease_until > now()"
    for row in rows(life, held):
        yield f"order {row.order_id} is held by {row.lease_owner}"


def every_check_of_quality_holds(life: "Simulation") -> Iterator[str]:
    """The checks that each run makes, the tables being at rest."""
    for result in check_all(life.warehouse, now=life.at):
        if result.violations or result.error:
            yield str(result)


def every_reply_is_loaded(life: "Simulation") -> Iterator[str]:
    waiting = "select reply_id, last_error from tracking.trace_reply where loaded_at is null"
    for row in rows(life, waiting):
        yield f"reply {row.reply_id}: {row.last_error or 'waits'}"


def rows(life: "Simulation", statement: str, **binds: object) -> list[Row[Any]]:
    with life.warehouse.begin() as connection:
        return list(connection.execute(text(statement), binds))


def excused(life: "Simulation") -> set[str]:
    """Orders that follow people, or whose sign was withdrawn."""
    numbers = life.people.decided
    return _withdrawn(life) | {
        f"{row.account}/{row.order_id}" for row in erp_rows(life.world) if row.order_no in numbers
    }


def _pruned(life: "Simulation") -> set[str]:
    gone = """
        select account, platform_order_id
        from tracking.tracked_order
        where pruned_at is not null and closed_at is not null
    """
    return {f"{row.account}/{row.platform_order_id}" for row in rows(life, gone)}


def _withdrawn(life: "Simulation") -> set[str]:
    """Orders that were rightly signed once: nobody asks for them again when a sign is withdrawn."""
    return {
        f"{order.account}/{order.order_id}"
        for order in life.world.orders()
        if order.story == "sign_withdrawn" and _was_signed(order, life)
    }


def _was_signed(order: Order, life: "Simulation") -> bool:
    known = life.world.as_of(life.at)
    times = {at for parcel in order.parcels for at, _ in parcel.statuses}
    times |= {step.published_at for parcel in order.parcels for step in parcel.steps}
    return any(order_truth(order, at).signed for at in times if at <= known)


def _is_chain(changes: list[tuple[str, str]], begin: str, end: str) -> bool:
    """Whether the changes, each used once, lead from status to status (an Euler path)."""
    balance: Counter[str] = Counter({begin: 1})
    balance[end] -= 1
    reached, grown = {begin}, True
    while grown:
        new = {to for source, to in changes if source in reached} - reached
        reached, grown = reached | new, bool(new)
    for source, to in changes:
        balance[source] -= 1
        balance[to] += 1
    return not any(balance.values()) and all(source in reached for source, _ in changes)


AT_ROUND_END: tuple[Invariant, ...] = (
    a_step_fails_only_with_a_reason,
    no_order_is_wrongly_signed,
    nothing_stored_goes_back_in_time,
    a_backfill_announces_nothing,
)


AT_THE_END: tuple[Invariant, ...] = (
    the_warehouse_equals_the_truth,
    no_personal_data_is_stored,
    replies_are_stored_in_the_order_of_asking,
    changes_chain,
    no_change_is_stored_twice,
    no_lease_is_left_behind,
    every_reply_is_loaded,
    every_check_of_quality_holds,
)
