"""
Metrics through Airflow's own StatsD or OpenTelemetry.

In a task only ``airflow.sdk.observability.stats`` is set up: other paths to it, ``airflow.stats``
among them, are other copies, which drop everything.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from airflow.sdk import get_current_context
from airflow.sdk.observability import stats

from shipment_tracking.domain.metrics import Metric, outcome_of, values_of
from shipment_tracking.hooks import clock_hook, run_hook, warehouse_hook

log = logging.getLogger(__name__)

_INVALID = re.compile(r"[^a-zA-Z0-9_-]")
"""What a tag may not hold: StatsD drops the whole metric for it."""

Counts = TypeVar("Counts", bound=Mapping[str, Any])


def measured(counts: Counts) -> Counts:
    """
    Send what the present task's step returned; returns it.

    Of a mapped task its account is a tag. A rehearsal counts nothing, for nothing was done.
    """
    _quietly(lambda: _send_counts(counts))
    return counts


@contextmanager
def measured_run() -> Iterator[None]:
    """
    At the end of the block, however it ends, send what the run did and how everything stands.

    A retried task sends only how everything stands: what the run did was sent by its first try.
    """
    try:
        yield
    finally:
        _quietly(_send_run)


def _send_counts(counts: Mapping[str, Any]) -> None:
    task = get_current_context()["ti"]
    if counts.get("dry_run"):
        return
    is_lane = task.map_index is not None and task.map_index >= 0
    account = task.rendered_map_index if is_lane else None
    for metric, value in values_of(task.task_id.rpartition(".")[2], counts):
        _send(metric, value, account)


def _send_run() -> None:
    from shipment_tracking.warehouse import metrics

    is_first_try = (get_current_context()["ti"].try_number or 1) == 1
    engine, run = warehouse_hook.warehouse(), run_hook.this_run()
    with engine.connect() as connection:
        numbers, calls = metrics.of_run(connection, run)
        state = metrics.of_state(connection, clock_hook.now())
    if is_first_try:
        for metric, value in values_of("run", numbers):
            _send(metric, value)
        for each in calls:
            for metric, value in values_of("calls", {outcome_of(each.outcome): each.calls}):
                _send(metric, value, each.account)
    for metric, value in values_of("state", state):
        _send(metric, value)


def _send(metric: Metric, value: float, account: str | None = None) -> None:
    tags = {"account": _INVALID.sub("_", account)} if account else None
    if metric.kind == "gauge":
        stats.gauge(metric.name, value, tags=tags)
    elif value:
        stats.incr(metric.name, int(value), tags=tags)


def _quietly(send: Callable[[], None]) -> None:
    try:
        send()
    except Exception as error:
        # Whatever is wrong with the metrics, it is not what the task is for.
        log.warning("metrics could not be sent: %s: %s", type(error).__name__, error)
