"""What runs send to a StatsD server, and that no trouble with it is theirs."""

import logging
import re
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import URL, text

from shipment_tracking.domain.metrics import METRICS

LINE = re.compile(r"airflow\.(shipment_tracking[\w.]+)((?:,\w+=[^:,]+)*):([-\d.]+)\|(c|g)")


class Listener:
    """A StatsD server: keeps what it is sent over UDP."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port = self._socket.getsockname()[1]
        self._lines: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                self._lines += self._socket.recv(65_535).decode().splitlines()
            except TimeoutError:
                if self._stop.is_set():
                    return

    def end(self) -> list[str]:
        """Everything that was sent, once nothing more comes."""
        self._stop.set()
        self._thread.join()
        self._socket.close()
        return self._lines


@pytest.fixture
def statsd(airflow_database: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Let Airflow send its metrics to a port, as a worker does."""
    from airflow.sdk._shared.observability.metrics import stats
    from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
    from airflow.sdk.observability.metrics import stats_utils

    def switch_on(port: int, host: str = "127.0.0.1", **settings: str) -> None:
        named = {"statsd_on": "True", "statsd_host": host, "statsd_port": str(port), **settings}
        for name, value in named.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__{name.upper()}", value)
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)

    yield switch_on
    if client := getattr(stats._backend, "statsd", None):
        client.close()
    stats.initialize(factory=NoStatsLogger, export_legacy_names=False)


@pytest.fixture
def sent(statsd: Callable[..., None]) -> Iterator[Callable[[], dict[str, Any]]]:
    """Listens; then tells the sum of each counter and the last value of each gauge."""
    listener = Listener()
    statsd(listener.port)
    ended = False

    def look() -> dict[str, Any]:
        nonlocal ended
        ended = True
        values: dict[str, float] = defaultdict(float)
        for line in listener.end():
            if found := LINE.fullmatch(line):
                name, _, value, kind = found.groups()
                values[name] = float(value) + (values[name] if kind == "c" else 0)
        return values

    yield look
    if not ended:
        listener.end()


@pytest.fixture
def in_task(airflow_database: URL, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the code believe that it runs in a task."""
    from shipment_tracking.hooks import metrics_hook

    def enter(task_id: str, account: str | None = None, try_number: int = 1) -> None:
        task = SimpleNamespace(
            task_id=task_id,
            map_index=-1 if account is None else 0,
            rendered_map_index=account,
            try_number=try_number,
        )
        monkeypatch.setattr(metrics_hook, "get_current_context", lambda: {"ti": task})

    return enter


def test_a_run_sends_what_it_did_and_how_everything_stands(
    pipeline: Any, sent: Callable[[], dict[str, Any]]
) -> None:
    assert pipeline.run()["run"] == "success"

    values = sent()
    with pipeline.warehouse.connect() as connection:
        run = connection.execute(text("select * from analytics.runs")).one()
        waiting = connection.execute(
            text("select count(*) from tracking.notification where state = 'pending'")
        ).scalar_one()
        open_orders = connection.execute(
            text("select count(*) from tracking.tracked_order where closed_at is null")
        ).scalar_one()
    name = "shipment_tracking."
    assert values[f"{name}orders.polled"] == run.polled > 0
    assert values[f"{name}orders.due"] == run.due > 0
    assert sum(v for n, v in values.items() if n.startswith(f"{name}calls.")) == run.calls
    assert values[f"{name}events.new"] == run.events_new > 0
    assert values[f"{name}notices.sent"] > 0
    assert values[f"{name}orders.open"] == open_orders > 0
    assert values[f"{name}outbox.waiting"] == waiting
    assert set(values) <= {metric.name for metric in METRICS}


def test_a_lane_that_fails_is_counted_with_what_it_did(
    pipeline: Any, sent: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import json
    import os

    conn = "AIRFLOW_CONN_PLATFORM_1688_EAST"
    broken = json.loads(os.environ[conn])
    broken["password"] = "not-the-secret"
    monkeypatch.setenv(conn, json.dumps(broken))

    assert pipeline.run()["run"] == "failed"

    values = sent()
    assert values["shipment_tracking.calls.auth"] > 0
    assert values["shipment_tracking.orders.polled"] > 0


@pytest.mark.parametrize(
    ("host", "settings"),
    [
        ("127.0.0.1", {}),
        ("no-such-host.invalid", {}),
        ("127.0.0.1", {"statsd_port": "no port"}),
        ("127.0.0.1", {"statsd_custom_client_path": "no_such_module.Client"}),
        ("127.0.0.1", {"stat_name_handler": "builtins.len"}),
    ],
    ids=["nobody listens", "unknown host", "no port", "no client", "bad handler"],
)
def test_a_broken_statsd_fails_no_task_and_hides_no_error(
    host: str,
    settings: dict[str, str],
    statsd: Callable[..., None],
    in_task: Callable[..., None],
    warehouse: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shipment_tracking.hooks import metrics_hook

    statsd(9, host, **settings)
    in_task("notify_changes")
    monkeypatch.setattr(metrics_hook.warehouse_hook, "warehouse", lambda: warehouse)

    assert metrics_hook.measured({"sent": 3}) == {"sent": 3}
    with pytest.raises(ZeroDivisionError), metrics_hook.measured_run():
        1 / 0  # noqa: B018


def test_a_warehouse_that_is_away_is_one_warning(
    statsd: Callable[..., None],
    in_task: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from sqlalchemy import create_engine

    from shipment_tracking.hooks import metrics_hook

    caplog.set_level(logging.WARNING, metrics_hook.log.name)
    # The configuration of Airflow's logging keeps what is logged from the root.
    monkeypatch.setattr(metrics_hook.log, "disabled", False)
    monkeypatch.setattr(metrics_hook.log, "handlers", [caplog.handler])
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/x")
    in_task("report_health")
    monkeypatch.setattr(metrics_hook.warehouse_hook, "warehouse", lambda: away)
    monkeypatch.setattr(metrics_hook.run_hook, "this_run", lambda: None)

    with metrics_hook.measured_run():
        pass

    assert "metrics could not be sent: OperationalError" in caplog.text


def test_an_account_with_odd_characters_does_not_lose_the_metric(
    statsd: Callable[..., None], in_task: Callable[..., None]
) -> None:
    from shipment_tracking.hooks import metrics_hook

    listener = Listener()
    statsd(listener.port, statsd_influxdb_enabled="True")
    in_task("lane.gather_traces", "店铺 1,a=b")
    metrics_hook.measured({"replies": 2, "polled": 5})

    assert listener.end() == ["airflow.shipment_tracking.replies.kept,account=___1_a_b:2|c"]


def test_a_retried_task_counts_its_run_once(
    in_task: Callable[..., None],
    statsd: Callable[..., None],
    warehouse: Any,
    new_run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shipment_tracking.hooks import metrics_hook
    from shipment_tracking.warehouse import runs

    run = new_run()
    with warehouse.begin() as connection:
        runs.begin(connection, run)
        runs.add(connection, run, now=run.started_at, polled=4)
    listener = Listener()
    statsd(listener.port)
    monkeypatch.setattr(metrics_hook.warehouse_hook, "warehouse", lambda: warehouse)
    monkeypatch.setattr(metrics_hook.run_hook, "this_run", lambda: run)
    for try_number in (1, 2):
        in_task("report_health", try_number=try_number)
        with metrics_hook.measured_run():
            pass

    lines = listener.end()
    assert [line for line in lines if "polled" in line] == [
        "airflow.shipment_tracking.orders.polled:4|c"
    ]
    assert len([line for line in lines if "orders.open" in line]) == 2


def test_a_dry_run_of_a_replay_counts_nothing(
    statsd: Callable[..., None], in_task: Callable[..., None]
) -> None:
    from shipment_tracking.hooks import metrics_hook

    listener = Listener()
    statsd(listener.port)
    in_task("replay_traces")
    metrics_hook.measured({"dry_run": True, "events_changed": 7})
    metrics_hook.measured({"dry_run": False, "events_changed": 7})

    assert listener.end() == ["airflow.shipment_tracking.replay.events:7|c"]


def test_metrics_go_where_a_task_process_sets_them_up(airflow_database: URL) -> None:
    from airflow.sdk.execution_time import task_runner

    from shipment_tracking.hooks import metrics_hook

    assert metrics_hook.stats.incr is task_runner.stats.incr
    assert metrics_hook.stats.gauge is task_runner.stats.gauge


def test_every_name_is_one_that_opentelemetry_takes(airflow_database: URL) -> None:
    from airflow.sdk._shared.observability.metrics.validators import stat_name_otel_handler

    for metric in METRICS:
        assert stat_name_otel_handler("airflow", metric.name) == f"airflow.{metric.name}"
