"""What a step must know of the Airflow run it works in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import get_current_context

from shipment_tracking.domain import days, stalls
from shipment_tracking.domain.models import Run
from shipment_tracking.errors import ParamError
from shipment_tracking.hooks import clock_hook, erp_hook, platform_hook, warehouse_hook

if TYPE_CHECKING:
    from shipment_tracking.warehouse.lanes import LaneContext

SHANGHAI = ZoneInfo("Asia/Shanghai")
MAIN_DAG = "sync_shipments"
"""Its runs have their own ids in the warehouse; those of other DAGs name their DAG too."""

PRIORITY_DAG = "sync_priority"
"""Its runs are about orders of high priority only."""

LANE_BUDGET = timedelta(minutes=22)
"""Wall-clock time from the start of a run until its lanes claim nothing new."""
PRIORITY_LANE_BUDGET = timedelta(minutes=3)
"""The same for a run of high-priority orders, which comes every five minutes."""

PRUNE_LATE = timedelta(hours=1)
"""A scheduled run that begins later than this after its time deletes nothing."""
NOT_CONFIRMED = 'connection warehouse_db does not say "prune": "delete" in its extra'
LATE = "this run missed its time (the DAG was paused or the scheduler down), the next one deletes"


def this_run() -> Run:
    """
    The present run in the steps' words.

    A backfill takes its interval from Airflow, a manual run from its params.

    :raises ParamError: the run has an unknown param, only one of ``shipped_from`` and
        ``shipped_to`` is given, ``stalled_after_hours`` makes no sense, or a run of high-priority
        orders is a backfill.
    """
    context = get_current_context()
    dag_run, params = context["dag_run"], params_of(context)
    shipped_from, shipped_to = interval(context, params)
    stalled_after_hours = params.get("stalled_after_hours") or None
    stalls.thresholds(stalled_after_hours)
    only_high_priority = dag_run.dag_id == PRIORITY_DAG
    if only_high_priority and shipped_from:
        raise ParamError(f"{dag_run.dag_id} has no backfills: {MAIN_DAG} reads all orders again")
    return Run(
        run_id=_run_id(dag_run),
        run_type=_run_type(dag_run),
        started_at=clock_hook.now(),
        shipped_from=shipped_from,
        shipped_to=shipped_to,
        only_account=params.get("only_account") or None,
        only_high_priority=only_high_priority,
        accept_closures=bool(params.get("accept_closures")),
        dry_run=bool(params.get("dry_run")),
        stalled_after_hours=stalled_after_hours,
    )


def acting_run() -> Run:
    """
    The present run, for the steps that write to the ERP or send: whether they may is asked now.

    :raises ConnectionFieldError: ``erp_db`` cannot be used, so nobody knows whether they may.
    """
    return replace(this_run(), shadow=not erp_hook.may_write())


@contextmanager
def lane(account: str) -> Iterator["LaneContext"]:
    """What a step of an account's lane works with; its client is closed at the end."""
    from shipment_tracking.warehouse.lanes import LaneContext

    run = this_run()
    with platform_hook.client(account, backfill=run.is_backfill) as client:
        yield LaneContext(
            warehouse=warehouse_hook.warehouse(),
            client=client,
            this_run=run,
            owner=lease_owner(),
            budget=budget_left(run),
            clock=clock_hook.now,
        )


def replay() -> dict[str, Any]:
    """
    The present run of ``replay_traces``, and which orders it is about.

    :raises ParamError: the run has an unknown param, a time is missing or not one, or both kinds of
        times are given.
    """
    from shipment_tracking.warehouse.replays import Selection

    context = get_current_context()
    dag_run, params = context["dag_run"], params_of(context)
    shipped_from, shipped_to = _times(params, "shipped")
    fetched_from, fetched_to = _times(params, "fetched")
    if shipped_from and fetched_from:
        raise ParamError("give the time of shipping or the time of fetching, not both")
    return {
        "this_run": Run(
            run_id=_run_id(dag_run),
            run_type=_run_type(dag_run),
            started_at=clock_hook.now(),
            dry_run=params.get("dry_run") is not False,
        ),
        "selection": Selection(
            params.get("account") or None, shipped_from, shipped_to, fetched_from, fetched_to
        ),
    }


def params_of(context: Any) -> dict[str, Any]:
    """
    The params of a run.

    :raises ParamError: it was triggered with one that the DAG does not have, and that Airflow would
        let pass: a run with ``dryrun`` would be a real one.
    """
    known = list(context["dag"].params)
    if unknown := sorted((context["dag_run"].conf or {}).keys() - set(known)):
        raise ParamError(
            f"the run has unknown params {', '.join(unknown)}; known are {', '.join(known)}"
        )
    return dict(context["params"])


def _run_id(dag_run: Any) -> str:
    """The run's id in the warehouse."""
    is_main = dag_run.dag_id == MAIN_DAG
    return str(dag_run.run_id if is_main else f"{dag_run.dag_id}/{dag_run.run_id}")


def _run_type(dag_run: Any) -> str:
    return str(getattr(dag_run.run_type, "value", dag_run.run_type))


def retention() -> dict[str, Any]:
    """
    How many days which kind of rows is kept, and why nothing is deleted, if nothing is.

    :raises ParamError: the run has an unknown param.
    """
    context = get_current_context()
    params = params_of(context)
    dry_run = bool(params.pop("dry_run"))
    return {"keep_days": params, "kept_because": kept_because(context["dag_run"], dry_run=dry_run)}


def kept_because(dag_run: Any, *, dry_run: bool) -> str:
    """
    Why a run of ``prune_warehouse`` deletes nothing; empty if it does.

    :raises ConnectionFieldError: the extra of ``warehouse_db`` cannot be used.
    """
    if dry_run:
        return "dry run"
    if not warehouse_hook.may_delete():
        return NOT_CONFIRMED
    return LATE if _is_late(dag_run) else ""


def _is_late(dag_run: Any) -> bool:
    """Whether a scheduled run begins long after its time, as when its DAG was just unpaused."""
    return _run_type(dag_run) == "scheduled" and datetime.now(UTC) - dag_run.run_after > PRUNE_LATE


def lease_owner() -> str:
    """Who holds a task's leases: the same for every try of it."""
    task = get_current_context()["ti"]
    return f"{task.dag_id}/{task.run_id}/{task.task_id}/{task.map_index}"


def budget_left(run: Run) -> timedelta:
    """
    Wall-clock time until this run's lanes should stop, counted from the run's start.

    A start that is long past, as in ``dag.test`` of an old date, counts from now.
    """
    budget = PRIORITY_LANE_BUDGET if run.only_high_priority else LANE_BUDGET
    started = get_current_context()["dag_run"].start_date
    now = datetime.now(UTC)
    if started is None or now - started > budget:
        return budget
    return started + budget - now


def interval(context: Any, params: Any) -> tuple[datetime | None, datetime | None]:
    """
    The time whose shipped orders a run reads again, in UTC; without an offset it is Shanghai's.

    :raises ParamError: one of the two is missing or not a time, or they contradict each other.
    """
    start, end = _times(params, "shipped")
    if start is None and _run_type(context["dag_run"]) == "backfill":
        return context["data_interval_start"], context["data_interval_end"]
    return start, end


def _times(params: Any, what: str) -> tuple[datetime | None, datetime | None]:
    """The params ``…_from`` and ``…_to`` in UTC; without an offset they are Shanghai's."""
    given = (params.get(f"{what}_from") or None, params.get(f"{what}_to") or None)
    if not any(given):
        return None, None
    if not all(given):
        raise ParamError(f"give {what}_from and {what}_to together, or neither")
    start, end = (_aware(value) for value in given)
    if start >= end:
        raise ParamError(f"{what}_from {start} is not before {what}_to {end}")
    return start, end


def _aware(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(str(value))
        if not days.FIRST_YEAR <= time.year <= days.LAST_YEAR:
            raise ValueError(time)
    except ValueError as error:
        raise ParamError(
            f"{value!r} is not a date and time; write it like 2026-03-02T00:00"
        ) from error
    return (time if time.tzinfo else time.replace(tzinfo=SHANGHAI)).astimezone(UTC)
