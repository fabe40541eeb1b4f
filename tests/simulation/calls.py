"""What holds for the calls of the platforms, whatever happens; see `invariants`."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sandbox.erp import rows as erp_rows
from sandbox.platform_1688 import TRACES
from sandbox.platform_router import WAYBILL_TRACE, WAYBILLS
from sandbox.platform_taobao import PARCELS, TRACE_GET, TRACE_SEARCH
from shipment_tracking.warehouse.polling import MIN_SPACING, PRIORITY_SPACING

from .invariants import Invariant

if TYPE_CHECKING:
    from .driver import Simulation
    from .processes import Process


ANSWERED = frozenset({"ok", "empty", "fault_empty", "fault_duplicated", "fault_reordered"})
"""Outcomes of calls that gave an answer."""

POLLS = frozenset({TRACES, TRACE_GET, TRACE_SEARCH, WAYBILL_TRACE})
"""What is asked for traces; where a poll takes several questions, of the parcel list as well."""

WINDOW = 0.95
"""
Seconds in which no more calls may arrive than the connections promise for one.

They promise it where they send; here arrivals are counted, on a busy machine, and a call that is
some 20 ms late may show a full second one more. Times are handed out 1.04/qps apart, so 0.95 s hold
92 % of the promise; somebody who calls a tenth too fast is found out, also by being refused.
"""

LATE = 0.5
"""Seconds that a call may be on its way to the platform, also when its sender was killed."""


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


AT_THE_END: tuple[Invariant, ...] = (
    no_second_holds_more_calls_than_promised,
    an_order_is_not_polled_too_often,
)
