"""Runs that keep pace with a fast world, against a server that answers like Airflow's API."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from sandbox import pace
from sandbox.airflow_api import AirflowApi

pytestmark = pytest.mark.server


class Airflow(ThreadingHTTPServer):
    """One DAG with its runs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.is_paused = False
        self.runs: list[dict[str, Any]] = []

    @property
    def api(self) -> AirflowApi:
        return AirflowApi(f"http://127.0.0.1:{self.server_port}", "admin", "admin")


class Handler(BaseHTTPRequestHandler):
    server: Airflow

    def do_GET(self) -> None:
        listed = {"dag_runs": self.server.runs}
        self._say(listed if "dagRuns" in self.path else {"is_paused": self.server.is_paused})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/auth/token":
            self._say({"access_token": "t"})
            return
        self.server.runs.append({"dag_run_id": "manual_1", "state": "queued", "note": body["note"]})
        self._say(self.server.runs[-1])

    def log_message(self, *args: Any) -> None:
        pass

    def _say(self, answer: Any) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with Airflow() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_run_is_triggered_when_none_is_under_way(airflow: Airflow) -> None:
    airflow.runs = [{"dag_run_id": "scheduled_1", "state": "success"}]

    assert pace.trigger(airflow.api) == "manual_1"
    assert airflow.runs[-1]["note"] == pace.NOTE


@pytest.mark.parametrize("state", pace.UNDER_WAY)
def test_no_run_is_triggered_beside_another(airflow: Airflow, state: str) -> None:
    airflow.runs = [{"dag_run_id": "scheduled_1", "state": state}]

    assert pace.trigger(airflow.api) is None
    assert len(airflow.runs) == 1


def test_no_run_is_triggered_of_a_paused_dag(airflow: Airflow) -> None:
    airflow.is_paused = True

    assert pace.trigger(airflow.api) is None
    assert airflow.runs == []
