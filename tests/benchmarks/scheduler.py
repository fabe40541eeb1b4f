"""What Airflow itself costs: a run of 10,000 orders, a lane an account, and reading the DAG."""

import subprocess
import sys
import time
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Any

from sandbox.airflow_api import AirflowApi
from sandbox.defaults import ACCOUNTS
from sandbox.programs import free_port

from .figures import Figure, of_runs
from .stage import Theatre

DAG = "sync_shipments"
DAG_FILE = Path(__file__).parents[2] / "dags" / f"{DAG}.py"
ORDERS = 10_000
LOGIN = "admin"
IMPORTS = 5
AIRFLOW_ALONE = (
    "import airflow.sdk, pendulum, airflow.timetables.interval,"
    " airflow.sdk.definitions.retry_policy, airflow.sdk.exceptions"
)
TIMED = "import sys, time; began = time.monotonic(); {}; print(time.monotonic() - began)"


def run(theatre: Theatre) -> list[Figure]:
    """The real scheduler with LocalExecutor, no quota; then the DAG file's own import."""
    return [*_scheduled(theatre.folder / "up"), _import()]


def _scheduled(folder: Path) -> list[Figure]:
    port = free_port()
    where = ("--folder", str(folder))
    up = (
        *("up", "--port", str(port), "--speed", "1", "--qps", "0", "--shipping-hours", "0.001"),
        *("--orders", str(ORDERS // len(ACCOUNTS)), *where),
    )
    try:
        _sandbox(*up)
        api = AirflowApi(f"http://127.0.0.1:{port}", LOGIN, LOGIN)
        found = _wait_for_the_run(api)
        tasks = [task for task in api.tasks(DAG, found["dag_run_id"]) if task["duration"]]
    finally:
        _sandbox("down", *where)
    whole = (_time(found["end_date"]) - _time(found["start_date"])).total_seconds()
    at_work = _covered(tasks)
    note = f"state {found['state']}, {len(tasks)} task instances"
    about = f"{ORDERS:,} new orders in {len(ACCOUNTS)} lanes, four tasks at a time"
    return [
        Figure("airflow", f"{about}: the whole run", whole, "s", note=note),
        Figure("airflow", "of it no task of ours at work", whole - at_work, "s"),
        *(
            Figure("airflow", f"of it {step} at work", _covered(found), "s")
            for step, found in _by_step(tasks).items()
        ),
    ]


def _sandbox(*arguments: str) -> None:
    command = [sys.executable, "-m", "sandbox", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")


def _wait_for_the_run(api: AirflowApi) -> dict[str, Any]:
    while True:
        first = api.runs(DAG)[-1]
        if first["end_date"]:
            return first
        time.sleep(1)


def _by_step(tasks: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The steps in the order in which they began, each with its tasks."""
    steps: dict[str, list[dict[str, Any]]] = {}
    for task in sorted(tasks, key=itemgetter("start_date")):
        steps.setdefault(task["task_id"], []).append(task)
    return steps


def _covered(tasks: list[dict[str, Any]]) -> float:
    """Seconds in which at least one task was at work."""
    seconds, until = 0.0, 0.0
    for start, end in sorted(
        (_time(task["start_date"]).timestamp(), _time(task["end_date"]).timestamp())
        for task in tasks
    ):
        seconds += max(0.0, end - max(start, until))
        until = max(until, end)
    return seconds


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _import() -> Figure:
    """Reading the DAG file, above what it takes of Airflow."""
    code = f"import runpy; runpy.run_path({str(DAG_FILE)!r})"
    alone = [_seconds(AIRFLOW_ALONE) for _ in range(IMPORTS)]
    ours = [_seconds(f"{AIRFLOW_ALONE}; {code}") for _ in range(IMPORTS)]
    above = [each - median(alone) for each in ours]
    return of_runs("airflow", "reading the DAG file, above Airflow itself", above, "s", target=0.5)


def _seconds(statement: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(statement)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])
