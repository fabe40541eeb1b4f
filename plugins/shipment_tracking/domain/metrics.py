"""The metrics that runs send through Airflow: one table of their names, kinds and sources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

PREFIX = "shipment_tracking"
"""Of every name, behind Airflow's own prefix."""

OUTCOMES = ("ok", "retryable", "quota", "auth", "rejected", "unmapped")
"""How a call may end; all codes that no table knows are one."""

Kind = Literal["counter", "gauge"]


@dataclass(frozen=True, slots=True)
class Metric:
    """
    A metric.

    :param name: lower-case words with dots between; the same for StatsD and OpenTelemetry.
    :param source: ``task.count`` of what a task returns, ``run.column`` of the run's row,
        ``calls.outcome`` of its calls, or ``state.column`` of how the warehouse stands.
    :param means: in one line, with the unit of what is no number of things.
    """

    name: str
    source: str
    means: str

    @property
    def kind(self) -> Kind:
        """What stands is a gauge; what a run did is counted."""
        return "gauge" if self.source.startswith("state.") else "counter"


def _metric(name: str, source: str, means: str) -> Metric:
    return Metric(f"{PREFIX}.{name}", source, means)


METRICS = (
    _metric("orders.due", "run.due", "orders that were due for a poll"),
    _metric("orders.polled", "run.polled", "orders that were polled"),
    _metric("orders.left_over", "run.left_over", "due orders that the clock left to the next run"),
    _metric("orders.failed", "run.failed_orders", "polls of an order that failed"),
    _metric("orders.untracked", "run.untracked", "listed ERP rows that cannot be tracked"),
    *(
        _metric(f"calls.{outcome}", f"calls.{outcome}", f"calls of a platform that ended {outcome}")
        for outcome in OUTCOMES
    ),
    _metric("replies.kept", "gather_traces.replies", "replies that said something new"),
    _metric("replies.unreadable", "load_traces.unreadable", "tries to load an unreadable reply"),
    _metric("events.new", "load_traces.events_new", "scans that were stored"),
    _metric("events.duplicate", "load_traces.events_duplicate", "scans that were known already"),
    _metric("events.rejected", "load_traces.rejected", "steps that cannot be a scan"),
    _metric("changes", "load_traces.changes", "status changes of parcels"),
    _metric("signs.found", "load_traces.signed", "ERP rows that became signed"),
    _metric("signs.written", "mark_signed.signed", "signatures written to the ERP"),
    _metric("signs.already", "mark_signed.already", "signatures that the ERP had already"),
    _metric("signs.failed", "mark_signed.failed", "writes that the ERP rejected"),
    _metric("traces.shown", "show_trace.shown", "ERP rows that got their latest trace"),
    _metric("traces.failed", "show_trace.failed", "traces that the ERP rejected"),
    _metric("notices.sent", "notify_changes.sent", "notices that were sent"),
    _metric("notices.failed", "notify_changes.failed", "notices that are tried again"),
    _metric("notices.dead", "notify_changes.dead", "notices that were given up"),
    _metric("stalls.opened", "report_stalled.opened", "parcels that stalled"),
    _metric("stalls.cleared", "report_stalled.cleared", "parcels that moved again"),
    _metric("alerts.opened", "report_health.opened", "alerts that began"),
    _metric("alerts.cleared", "report_health.cleared", "alerts that are over"),
    _metric("replay.replies", "replay_traces.replies", "replies that an applied replay read"),
    _metric("replay.events", "replay_traces.events_changed", "scans that it read differently"),
    _metric(
        "replay.parcels", "replay_traces.parcels_changed", "parcels that it gave another status"
    ),
    _metric("orders.open", "state.orders_open", "orders that are tracked now"),
    _metric("orders.overdue", "state.orders_overdue", "open orders due for more than half an hour"),
    _metric("outbox.waiting", "state.outbox_waiting", "notices that are due and not sent"),
    _metric(
        "outbox.oldest_seconds", "state.outbox_oldest_seconds", "how long the oldest is due; s"
    ),
    _metric("outbox.dead", "state.outbox_dead", "notices that were given up and are kept"),
    _metric("stalls.open", "state.stalls_open", "stalled parcels"),
    _metric("alerts.open", "state.alerts_open", "open alerts"),
    _metric(
        "signs.unwritten", "state.signs_unwritten", "signed ERP rows that wait for their write"
    ),
    _metric(
        "delay.detection_p50_seconds",
        "state.detection_p50_seconds",
        "from a signature to when we saw it, median of a day; s",
    ),
    _metric(
        "delay.detection_p95_seconds",
        "state.detection_p95_seconds",
        "the same, 95 of 100 are quicker; s",
    ),
    _metric(
        "delay.written_p50_seconds",
        "state.written_p50_seconds",
        "from a signature to the ERP, median of a day; s",
    ),
    _metric(
        "delay.written_p95_seconds",
        "state.written_p95_seconds",
        "the same, 95 of 100 are quicker; s",
    ),
)

_BY_SOURCE = {metric.source: metric for metric in METRICS}


def values_of(place: str, numbers: Mapping[str, Any]) -> Iterator[tuple[Metric, float]]:
    """
    The metrics among some numbers; what is no number, or not known, is left out.

    :param place: the first word of a source.
    :param numbers: by the second word.
    """
    for name, value in numbers.items():
        metric = _BY_SOURCE.get(f"{place}.{name}")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if metric and is_number:
            yield metric, value


def outcome_of(told: str) -> str:
    """One of ``OUTCOMES`` for how a call ended, as ``analytics.api_usage`` tells it."""
    return told.partition(" ")[0]
