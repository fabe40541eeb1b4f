"""
CeleryExecutor as `docker-compose.yaml` sets it up, run natively: lanes spread over two workers, one
of which dies.
"""

import json
import os
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
import redis
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.pool import NullPool

from sandbox.airflow_api import AirflowApi, Json
from sandbox.airflow_home import OWNER, PROJECT
from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.erp import DemoErp
from sandbox.faults import Latency
from sandbox.postgres import PrivatePostgres
from sandbox.programs import Programs, free_port, is_free, marked
from sandbox.server import Sandbox, most_in_any_second
from sandbox.witness import differences, leaks
from sandbox.world import World

from .compose import Compose, secret_values

DAG = "sync_shipments"
START = datetime(2026, 3, 2, tzinfo=UTC)
ACCOUNTS = {
    "platform_1688": 24,
    "platform_1688_east": 24,
    "platform_1688_south": 24,
    "platform_1688_west": 24,
}
QPS = 5.0
"""What the connections promise."""
LIMIT = 6.0
"""What the platform accepts: it counts arrivals, and this machine is busy."""
WINDOW = 0.9
"""Seconds in which no more calls may arrive than are sent in one; six are sent over 1.04."""
CALLS_BEFORE_DEATH = 5
WORKERS = ("east", "west")
LATENCY = Latency(usual_ms=300)
PROGRAMS = Path(sys.executable).parent
SOONER = {
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "airflow_local_settings.worker",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}
"""Only for this test: a death is noticed within seconds, and each try tells its worker."""

# Airflow's own cluster policies: the DAG's half minute before a retry would only be waited for, and
# a task should tell which worker had it.
LOCAL_SETTINGS = """
import os
from datetime import timedelta


def task_policy(task):
    task.retry_delay = timedelta(seconds=1)


def worker():
    return os.environ.get("WORKER", "nobody")
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """Airflow on two Celery workers with a world around it."""

    programs: Programs
    compose: Compose
    api: AirflowApi
    world: World
    clock: Clock
    sandbox: Sandbox
    warehouse: Engine

    def start_worker(self, name: str) -> None:
        """A worker with a name of its own."""
        command = self.compose.command("worker", "--celery-hostname", f"{name}@local")
        self.programs.start(name, command, **self.compose.environment("worker"), WORKER=name)

    def kill_worker(self, name: str) -> int:
        """SIGKILL for the worker, its pool and its tasks; returns how many processes that were."""
        killed: set[int] = set()
        while processes := [
            process
            for process in marked(self.programs.folder)
            if process.environ().get("WORKER") == name
        ]:
            for process in processes:
                process.kill()
                killed.add(process.pid)
            psutil.wait_procs(processes, timeout=1)
        self.programs.forget(name)
        return len(killed)

    def tries(self, run_id: str) -> list[Json]:
        """Every try of every lane task of a run, in the order of their starts."""
        found = [
            attempt | {"account": task["rendered_map_index"]}
            for task in self.api.tasks(DAG, run_id)
            if task["task_id"].startswith("lane.")
            for attempt in self.api.call(
                "GET",
                f"/api/v2/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task['task_id']}/"
                f"{task['map_index']}/tries",
            )["task_instances"]
        ]
        return sorted(
            (attempt for attempt in found if attempt["start_date"]),
            key=lambda attempt: attempt["start_date"],
        )

    def wait_for_end(self, run_id: str) -> str:
        """The state a run ends in."""

        def ended() -> str | None:
            states = {run["dag_run_id"]: run["state"] for run in self.api.runs(DAG)}
            return states[run_id] if states[run_id] in ("success", "failed") else None

        return self.programs.wait_for(f"the end of {run_id}", ended)


def missing(what: str) -> NoReturn:
    """A test that needs something else fails in CI and is skipped elsewhere."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is needed")


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Programs that do not outlive the test, nor does PostgreSQL."""
    started = Programs(tmp_path, {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"})
    yield started
    started.end()
    PrivatePostgres(tmp_path / "postgres").remove()


@pytest.fixture
def broker(programs: Programs) -> Iterator[tuple[str, str]]:
    """A password and the address of a Redis: one for this test alone, or the one that runs here."""
    password = secrets.token_hex(16)
    if binary := shutil.which("redis-server"):
        port = free_port()
        options = ("--bind", "127.0.0.1", "--port", str(port), "--save", "")
        programs.start("redis", [binary, *options, "--requirepass", password])
        programs.wait_for("Redis", lambda: None if is_free(port) else port)
        yield password, f"redis://:{password}@127.0.0.1:{port}/0"
        return
    with redis.Redis() as running, suppress(redis.ConnectionError):
        numbers = range(1, 16)
        taken = {int(name.removeprefix("db")) for name in running.info("keyspace")}
        if number := next((number for number in numbers if number not in taken), None):
            yield password, f"redis://127.0.0.1:6379/{number}"
            with redis.Redis(db=number) as used:
                used.flushdb()
            return
    missing("redis-server, the program or a server at 127.0.0.1:6379 with a database to spare,")


@pytest.fixture
def stack(programs: Programs, broker: tuple[str, str]) -> Iterator[Stack]:
    """Everything that compose starts, and a sandbox; tasks can run."""
    folder = programs.folder
    world = World(7, START, ACCOUNTS)
    clock = Clock.standing(START + timedelta(days=1))
    erp_file = folder / "erp.db"
    erp = DemoErp(create_engine(f"sqlite:///{erp_file}", poolclass=NullPool))
    erp.create()
    erp.sync(world, clock.now())
    postgres = make_url(PrivatePostgres(folder / "postgres", fast=True).start())
    values = secret_values(broker[0], str(postgres.password))
    apps = apps_for(list(ACCOUNTS), LIMIT)
    with Sandbox(world, clock, apps, latency=LATENCY, token_hours=None) as sandbox:
        values |= {
            f"AIRFLOW_CONN_{account.upper()}": json.dumps(sandbox.connection(account, qps=QPS))
            for account in ACCOUNTS
        } | {
            "AIRFLOW_CONN_ERP_DB": json.dumps(
                {"conn_type": "sqlite", "host": str(erp_file), "extra": {"write": "sql"}}
            ),
            "SHIPMENT_TRACKING_INCLUDE": str(OWNER),
        }
        port = free_port()
        home = folder / "airflow"
        places = {
            "@postgres:5432": f"@127.0.0.1:{postgres.port}",
            '"host": "postgres", "port": 5432': f'"host": "127.0.0.1", "port": {postgres.port}',
            f"redis://:{broker[0]}@redis:6379/0": broker[1],
            "http://api-server:8080": f"http://127.0.0.1:{port}",
            "/opt/airflow": str(home),
            "/opt/shipment-tracking": str(PROJECT),
        }
        natively = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(postgres.port),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port()),
            "SHIPMENT_TRACKING_CLOCK_URL": sandbox.clock_url,
            **{name: value for name, value in values.items() if "CONN_PLATFORM" in name},
        } | SOONER
        (home / "config").mkdir(parents=True)
        local_settings = home / "config" / "airflow_local_settings.py"
        local_settings.write_text(LOCAL_SETTINGS, encoding="utf-8")
        made = Stack(
            programs,
            Compose(values, places, natively),
            AirflowApi(f"http://127.0.0.1:{port}", "admin", values["ADMIN_PASSWORD"]),
            world,
            clock,
            sandbox,
            create_engine(postgres.set(database="warehouse"), poolclass=NullPool),
        )
        start(made)
        yield made
        programs.end()


def start(stack: Stack) -> None:
    """The services of compose in its order, until tasks can run."""
    programs, compose, api = stack.programs, stack.compose, stack.api
    for service in ("databases", "init"):
        programs.run(service, compose.command(service), **compose.environment(service))
    for service in ("api-server", "scheduler", "dag-processor"):
        programs.start(service, compose.command(service), **compose.environment(service))
    for name in WORKERS:
        stack.start_worker(name)
    programs.wait_for("the API", lambda: api.health() or None)
    programs.wait_for("the execution API", lambda: api.executes() or None)
    programs.wait_for("the DAG", lambda: api.dag(DAG))
    for log in map(programs.log, WORKERS):
        programs.wait_for(f"a ready worker in {log}", partial(is_ready, log))


def is_ready(log: Path) -> bool | None:
    """Whether a worker's log says so."""
    return " ready." in log.read_text(encoding="utf-8") or None


def first_run(stack: Stack) -> str | None:
    """The id of the DAG's only run, once there is one."""
    return next((str(run["dag_run_id"]) for run in stack.api.runs(DAG)), None)


def lane_at_work(stack: Stack, run_id: str) -> Json | None:
    """A lane in mid-work, once each worker has one."""
    running = [
        task
        for task in stack.api.tasks(DAG, run_id)
        if task["task_id"].startswith("lane.") and task["state"] == "running"
    ]
    calls = Counter(call.account for call in stack.sandbox.calls)
    busy = [task for task in running if calls[task["rendered_map_index"]] >= CALLS_BEFORE_DEATH]
    if not busy or {task["hostname"] for task in running} != set(WORKERS):
        return None
    return min(busy, key=lambda task: calls[task["rendered_map_index"]])


def timeline(tries: list[Json], dead: str, died_at: datetime) -> str:
    """Which worker ran which lane, a line each, in seconds from the first one's start."""
    zero = datetime.fromisoformat(tries[0]["start_date"])

    def seconds(moment: datetime) -> str:
        return f"{(moment - zero).total_seconds():5.1f} s"

    events = [(died_at, f"worker {dead} is killed")]
    for attempt in tries:
        lane = f"{attempt['task_id']} of {attempt['account']}"
        told = f"{attempt['hostname']}: {lane}, try {attempt['try_number']}"
        started, ended = (
            datetime.fromisoformat(attempt[name]) for name in ("start_date", "end_date")
        )
        events += [(started, f"{told} starts"), (ended, f"{told}: {attempt['state']}")]
    return "\n".join(f"{seconds(moment)}  {event}" for moment, event in sorted(events))


def most_in_any_window(sandbox: Sandbox) -> dict[str, int]:
    """For each app key the most calls that arrived within ``WINDOW``."""
    return {
        app.key: most_in_any_second(
            call.arrived / WINDOW for call in sandbox.calls if call.app_key == app.key
        )
        for app in sandbox.apps
    }


def test_a_lane_of_a_killed_worker_is_taken_over(
    stack: Stack,
) -> None:
    now = stack.clock.now()
    stack.sandbox.freeze(now)
    stack.api.unpause(DAG)
    run_id = stack.programs.wait_for("a run", lambda: first_run(stack))
    lane = stack.programs.wait_for(
        "lanes at work on both workers", lambda: lane_at_work(stack, run_id)
    )
    dead = lane["hostname"]
    died_at = datetime.now(UTC)

    assert stack.kill_worker(dead) >= 3, "the worker, its pool and the lane's task"
    state = stack.wait_for_end(run_id)

    tries = stack.tries(run_id)
    print(timeline(tries, dead, died_at))
    assert state == "success"
    interrupted = [
        attempt["account"]
        for attempt in tries
        if attempt["hostname"] == dead and attempt["state"] != "success"
    ]
    assert lane["rendered_map_index"] in interrupted
    for account in interrupted:
        last = [attempt for attempt in tries if attempt["account"] == account][-1]
        assert (last["hostname"], last["state"]) == (*(set(WORKERS) - {dead}), "success")

    assert [str(each) for each in differences(stack.warehouse, stack.world, now)] == []
    assert leaks(stack.warehouse, stack.world) == []
    busiest = most_in_any_window(stack.sandbox)
    print(f"most calls that arrived in {WINDOW} s: {busiest}")
    assert len(busiest) == 3
    assert max(busiest.values()) <= QPS
    assert set(stack.sandbox.usage()["refused_by_quota"].values()) == {0}
