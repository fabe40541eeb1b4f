"""`make up` and `make down`: Airflow on the sandbox from the outside, as a visitor meets it."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.airflow_api import AirflowApi
from sandbox.postgres import PrivatePostgres
from sandbox.programs import free_port, is_free, marked
from sandbox.up import ACCOUNTS, QPS, platform_connections

DAG = "sync_shipments"
SCALAR = ("--tuples-only", "--no-align", "--command")


def sandbox(command: str, *arguments: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", command, "--folder", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said_by(command: subprocess.Popen[str]) -> str:
    said, _ = command.communicate(timeout=240)
    return said


def wait_until(true: Callable[[], Any], seconds: float = 240, pause: float = 0.1) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(pause)
    return answer


def addresses(folder: Path) -> set[tuple[str, int]]:
    """Where the folder's processes listen."""
    found: set[tuple[str, int]] = set()
    for process in marked(folder):
        with suppress(psutil.NoSuchProcess):  # tasks come and go
            found |= {
                (listening.laddr.ip, listening.laddr.port)
                for listening in process.net_connections("tcp")
                if listening.status == psutil.CONN_LISTEN
            }
    return found


def said_by_the_test_button(api: AirflowApi, fields: dict[str, Any]) -> tuple[bool, str]:
    """What the button *Test* says of a connection that is not stored yet."""
    body = fields | {"connection_id": "platform_new", "extra": json.dumps(fields["extra"])}
    answer = api.call("POST", "/api/v2/connections/test", body)
    return answer["status"], answer["message"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for `up`; nothing of it survives the test."""
    yield tmp_path
    said_by(sandbox("down", folder=tmp_path))
    PrivatePostgres(tmp_path / "postgres").remove()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a script starts in the background ignores SIGINT, and so does what that starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_visitor_sees_a_green_run_and_down_leaves_nothing(folder: Path) -> None:
    port = free_port()

    up = sandbox("up", "--port", str(port), "--orders", "20", folder=folder)
    said = said_by(up)

    assert up.returncode == 0, said
    url = f"http://127.0.0.1:{port}"
    assert f"{url}   user admin, password admin" in said

    assert f"{url}/plugin/shipments   (user viewer, password viewer" in said

    api = AirflowApi(url, "admin", "admin")
    viewer = AirflowApi(url, "viewer", "viewer")
    assert viewer.call("GET", "/shipments/api/openapi.json")["info"]["title"] == "Shipments"
    assert api.dag(DAG)["is_paused"] is False  # type: ignore[index]
    run = wait_until(
        lambda: next((run for run in api.runs(DAG) if run["state"] in ("success", "failed")), None),
        pause=1,
    )
    assert run["state"] == "success"
    log = api.call(
        "GET",
        f"/api/v2/dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances/create_tables/logs/1",
    )
    assert "create_tables" in {entry.get("task_id") for entry in log["content"]}

    (platform,) = re.findall(r"^platform +(http://[\d.:]+)", said, re.M)
    good = platform_connections(platform, QPS)[ACCOUNTS[0]]
    assert said_by_the_test_button(api, good)[0] is True
    listed = api.call("GET", "/api/v2/connections")["connections"]
    assert {each["connection_id"] for each in listed} == {
        *("erp_db", "notify_ops", "warehouse_db"),
        *ACCOUNTS,
    }
    assert said_by(sandbox("psql", "--", *SCALAR, "select current_user", folder=folder)) == (
        "analyst\n"
    )
    secret = said_by(sandbox("psql", "--", "-c", "select 1 from tracking.run", folder=folder))
    assert "permission denied for schema tracking" in secret
    texts = sandbox("shell", "--", "shipment-tracking", "texts", "--most", "1", folder=folder)
    assert said_by(texts).startswith("text,status,")

    works, told = said_by_the_test_button(api, good | {"password": "another"})
    assert works is False
    assert "correct the app secret" in told

    again = sandbox("up", folder=folder)
    assert f"up already: {url}" in said_by(again)
    assert again.returncode == 0

    listening = addresses(folder)
    assert port in {port for _, port in listening}
    assert {ip for ip, _ in listening} == {"127.0.0.1"}

    down = sandbox("down", folder=folder)
    assert "processes ended" in said_by(down)
    assert down.returncode == 0
    assert marked(folder) == []
    assert all(is_free(port) for _, port in listening)
    assert said_by(sandbox("down", folder=folder)) == "Nothing is up.\n"
    assert said_by(sandbox("psql", folder=folder)) == "Nothing is up: make up starts it.\n"


def test_down_finds_everything_though_up_was_killed_half_way(folder: Path) -> None:
    port = free_port()
    up = sandbox("up", "--port", str(port), "--orders", "20", folder=folder)
    wait_until((folder / "logs" / "scheduler.log").exists)
    up.kill()
    up.communicate()
    wait_until(lambda: len(marked(folder)) > 4)
    listening = addresses(folder)
    assert len(listening) >= 2, "PostgreSQL and the platform are there already"

    down = sandbox("down", folder=folder)

    assert re.match(r"Down: \d+ processes ended", said_by(down))
    assert down.returncode == 0
    assert marked(folder) == []
    assert all(is_free(port) for _, port in listening)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_up_ends_what_it_started(folder: Path) -> None:
    up = sandbox("up", "--port", str(free_port()), "--orders", "20", folder=folder)
    wait_until((folder / "postgres" / "port").exists)
    up.send_signal(signal.SIGINT)

    assert "nothing is left running" in said_by(up)
    assert up.returncode == 130
    assert marked(folder) == []


def test_down_ends_an_up_that_is_still_at_work(folder: Path) -> None:
    up = sandbox("up", "--port", str(free_port()), "--orders", "20", folder=folder)
    wait_until((folder / "logs" / "platform.log").exists)

    down = sandbox("down", folder=folder)

    assert "Down" in said_by(down)
    assert up.wait(10) == 130
    assert marked(folder) == []
    up.communicate()


def test_a_taken_port_is_named_and_nothing_is_started(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        up = sandbox("up", "--port", str(port), folder=folder)

        assert f"port {port} of 127.0.0.1 is taken" in said_by(up)
    assert up.returncode == 1
    assert not (folder / "logs").exists()


def test_a_program_that_dies_is_named_with_its_log(folder: Path) -> None:
    up = sandbox("up", "--port", str(free_port()), "--orders", "20", folder=folder)
    wait_until((folder / "logs" / "platform.log").exists)
    platform = wait_until(
        lambda: [process for process in marked(folder) if "platform" in process.cmdline()]
    )[0]
    platform.kill()

    said = said_by(up)

    assert "platform ended with status -9" in said
    assert str(folder / "logs" / "platform.log") in said
    assert up.returncode == 1
    assert marked(folder) == []
