"""What holds whatever happens: each function yields what breaks its promise; its name is it."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Row, select, text

from sandbox import witness
from sandbox.erp import erp_order, rows as erp_rows
from sandbox.platform_1688 import TRACES
from sandbox.platform_router import WAYBILL_TRACE, WAYBILLS
from sandbox.platform_taobao import PARCELS, TRACE_GET, TRACE_SEARCH
from sandbox.world import Order, order_truth
from shipment_tracking.warehouse.polling import MIN_SPACING, PRIORITY_SPACING

if TYPE_CHECKING:
    from .driver import Simulation
    from .processes import Process

ANSWERED = frozenset({"ok", "empty", "fault_empty", "fault_duplicated", "fault_reordered"})
"""Outcomes of calls that gave an answer."""

POLLS = frozenset({TRACES, TRACE_GET, TRACE_SEARCH, WAYBILL_TRACE})
"""What is asked for traces; where a poll takes several questions, of the parcel list as well."""

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

WINDOW = 0.95
"""
Seconds in which no more calls may arrive than the connections promise for one.

They promise it where they send; here arrivals are counted, on a busy machine, and a call that is
some 20 ms late may show a full second one more. Times are handed out 1.04/qps apart, so 0.95 s hold
92 % of the promise; somebody who calls a tenth too fast is found out, also by being refused.
"""

LATE = 0.5
"""Seconds that a call may be on its way to the platform, also when its sender was killed."""

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
            (select count(*) from tracking.notification where not digest) as notices
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
    withdrawn = _excused(life)
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
    excused = tuple(_excused(life) | _pruned(life))
    for difference in witness.differences(life.warehouse, life.world, life.at):
        if not difference.where.startswith(excused):
            yield str(difference)


def the_erp_equals_the_truth(life: "Simulation") -> Iterator[str]:
    excused = _excused_rows(life)
    for difference in witness.erp_differences(life.erp.engine, life.world, life.at, life.erp.zone):
        if difference.where not in excused:
            yield str(difference)


def no_order_is_wrongly_signed_at_the_erp(life: "Simulation") -> Iterator[str]:
    excused = _excused_rows(life)
    for difference in witness.erp_differences(life.erp.engine, life.world, life.at, life.erp.zone):
        signed = (difference.what, difference.found) == ("ERP status", "SIGNED")
        if signed and difference.where not in excused:
            yield str(difference)


def what_people_decided_stands(life: "Simulation") -> Iterator[str]:
    for row in _erp_rows(life):
        if row.order_no in life.people.took_back and row.status == "SIGNED":
            yield f"{row.order_no} is signed again"
        if row.signed_at != life.people.signed.get(row.order_no, row.signed_at):
            yield f"{row.order_no} was signed at {row.signed_at}"


def a_sign_at_the_erp_never_moves(life: "Simulation") -> Iterator[str]:
    for row in _erp_rows(life):
        before = life.signs.setdefault(row.order_no, row.signed_at)
        if row.order_no in life.people.took_back or before is None:
            life.signs[row.order_no] = row.signed_at
        elif row.signed_at != before:
            yield f"{row.order_no} was signed at {before}, now at {row.signed_at}"


def every_write_to_the_erp_is_accounted_for(life: "Simulation") -> Iterator[str]:
    """Each row that we signed says so once, and nothing stays begun."""
    outcomes = defaultdict(list)
    for row in rows(life, "select erp_key, outcome from tracking.erp_writeback"):
        outcomes[row.erp_key].append(row.outcome)
    for erp_key, found in outcomes.items():
        if None in found:
            yield f"what was begun for {erp_key} is not settled"
    for row in _erp_rows(life):
        ours = row.status == "SIGNED" and row.sign_kind and row.order_no not in life.people.signed
        if (ours or row.order_no in life.people.took_back) != (
            outcomes[row.order_no].count("signed") == 1
        ):
            yield f"{row.order_no} is {row.status}; outcomes: {outcomes[row.order_no]}"


def no_personal_data_is_stored(life: "Simulation") -> Iterator[str]:
    yield from witness.leaks(life.warehouse, life.world)


def no_second_holds_more_calls_than_promised(life: "Simulation") -> Iterator[str]:
    """Neither is one refused; but what wakes up may still send the calls it had just begun."""
    woken = [process.thawed for process in life.processes.all if process.thawed]
    arrivals: dict[str, list[float]] = defaultdict(list)
    for call in life.sandbox.calls:
        if any(0 < call.arrived - at < 1 for at in woken):
            continue
        arrivals[call.app_key].append(call.arrived)
        if call.outcome == "refused_by_quota":
            yield f"a call of app {call.app_key} was refused at {call.arrived:.3f}"
    for app in life.sandbox.apps:
        most, at = _most_in(arrivals[app.key], WINDOW)
        if most > life.promised:
            yield f"{most} calls of app {app.key} in {WINDOW} s from {at:.3f} on"


def an_order_is_not_polled_too_often(life: "Simulation") -> Iterator[str]:
    """
    A second answer needs the least spacing.

    Unless the first one was lost: with its process, because the rest of its poll failed, or because
    it cannot be read, so that a backfill may ask again.
    """
    unreadable = {
        (order.account, order.order_id)
        for order in life.world.orders()
        if order.story == "nan_reply"
    }
    urgent = {
        (row.account, row.order_id)
        for row in erp_rows(life.world)
        if row.values(life.at)["priority"]
    }
    answered: dict[tuple[str, ...], Any] = {}
    failed: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for call in life.sandbox.calls:
        order = (call.account, call.order_id)
        if call.api not in POLLS or call.outcome not in ANSWERED:
            if _fails_poll(call):
                failed[order].append(call)
            continue
        question = (*order, call.api, call.part)
        before = answered.get(question)
        answered[question] = call
        spacing = PRIORITY_SPACING if order in urgent else MIN_SPACING
        if before is None or call.at - before.at >= spacing or _may_be_lost(life, before):
            continue
        if order in unreadable:
            continue
        if not any(_fails_beside(each, before) for each in failed[order]):
            asked = "; ".join(
                f"{each.at} in {', '.join(map(str, _at_work(life, each)))}"
                for each in (before, call)
            )
            yield f"{'/'.join(order)}: {asked}"


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
    twice = """
        select shipment_id, from_status, to_status, occurred_at, count(*) as times
        from tracking.status_change
        group by shipment_id, from_status, to_status, occurred_at
        having count(*) > 1
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


def every_reply_is_loaded(life: "Simulation") -> Iterator[str]:
    waiting = "select reply_id, last_error from tracking.trace_reply where loaded_at is null"
    for row in rows(life, waiting):
        yield f"reply {row.reply_id}: {row.last_error or 'waits'}"


AT_ROUND_END: tuple[Invariant, ...] = (
    a_step_fails_only_with_a_reason,
    no_order_is_wrongly_signed,
    nothing_stored_goes_back_in_time,
    a_backfill_announces_nothing,
    no_order_is_wrongly_signed_at_the_erp,
    what_people_decided_stands,
    a_sign_at_the_erp_never_moves,
)
AT_THE_END: tuple[Invariant, ...] = (
    the_warehouse_equals_the_truth,
    the_erp_equals_the_truth,
    every_write_to_the_erp_is_accounted_for,
    no_personal_data_is_stored,
    no_second_holds_more_calls_than_promised,
    an_order_is_not_polled_too_often,
    replies_are_stored_in_the_order_of_asking,
    changes_chain,
    no_change_is_stored_twice,
    no_lease_is_left_behind,
    every_reply_is_loaded,
)


def rows(life: "Simulation", statement: str, **binds: object) -> list[Row[Any]]:
    with life.warehouse.begin() as connection:
        return list(connection.execute(text(statement), binds))


def _erp_rows(life: "Simulation") -> list[Row[Any]]:
    """The ERP's rows that the world knows, without those that ended before it."""
    decoys = {row.order_no for row in erp_rows(life.world) if row.signed_at}
    with life.erp.engine.connect() as connection:
        found = connection.execute(select(erp_order)).all()
    return [row for row in found if row.order_no not in decoys]


def _excused(life: "Simulation") -> set[str]:
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


def _excused_rows(life: "Simulation") -> set[str]:
    excused = _excused(life)
    return {
        row.order_no for row in erp_rows(life.world) if f"{row.account}/{row.order_id}" in excused
    }


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


def _fails_poll(call: Any) -> bool:
    """Whether a poll ends with this call; a refusal only leads to another question."""
    return (
        call.api in POLLS | {PARCELS, WAYBILLS}
        and call.outcome != "ok"
        and not call.outcome.startswith("isv.")
    )


def _fails_beside(failure: Any, answer: Any) -> bool:
    """Whether another question of the poll failed after this one was answered."""
    is_another = (failure.api, failure.part) != (answer.api, answer.part)
    return is_another and failure.arrived > answer.arrived


def _may_be_lost(life: "Simulation", call: Any) -> bool:
    """Whether a process may have had the answer that did not end well, or was too late with it."""
    return any(
        not process.ended_well or (process.result or {}).get("lost")
        for process in _at_work(life, call)
    )


def _at_work(life: "Simulation", call: Any) -> list["Process"]:
    """The processes of the account that may have sent a call."""
    return [
        process
        for process in life.processes.all
        if process.account == call.account
        and process.started <= call.arrived <= (process.ended or call.arrived) + LATE
    ]


def _most_in(times: Iterable[float], seconds: float) -> tuple[int, float]:
    """The most calls in any window of some seconds, and when it began."""
    ordered = sorted(times)
    windows = ((bisect_left(ordered, at + seconds) - first, at) for first, at in enumerate(ordered))
    return max(windows, default=(0, 0.0))


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
