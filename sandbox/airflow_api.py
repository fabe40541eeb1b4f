"""Airflow's REST API, as far as the sandbox asks it."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

Json = dict[str, Any]


class AirflowApi:
    """
    One user's view of an Airflow.

    :param url: where its API server listens.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._user = user
        self._password = password
        self._token = ""
        self._opener = build_opener(ProxyHandler({}))

    def health(self) -> dict[str, str]:
        """Each component's status."""
        components = self.call("GET", "/api/v2/monitor/health", login=False)
        return {name: about["status"] or "absent" for name, about in components.items()}

    def executes(self) -> bool:
        """Whether the API that tasks talk to answers; the first question loads it."""
        return bool(self.call("GET", "/execution/health", login=False))

    def dag(self, dag_id: str) -> Json | None:
        """A DAG, once Airflow has read its file."""
        try:
            return self.call("GET", f"/api/v2/dags/{dag_id}")
        except HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG."""
        self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def add_connection(self, conn_id: str, fields: Mapping[str, Any]) -> None:
        """Store a connection in Airflow's database."""
        extra = {"extra": json.dumps(fields["extra"])} if "extra" in fields else {}
        self.call("POST", "/api/v2/connections", {"connection_id": conn_id, **fields, **extra})

    def trigger(self, dag_id: str, *, note: str | None = None, **conf: Any) -> str:
        """Queue a manual run; returns its id."""
        wanted = {"logical_date": None, "conf": conf, "note": note}
        return str(self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", wanted)["dag_run_id"])

    def runs(self, dag_id: str) -> list[Json]:
        """A DAG's runs, newest first."""
        answer = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns?order_by=-run_after&limit=100")
        return list(answer["dag_runs"])

    def tasks(self, dag_id: str, run_id: str) -> list[Json]:
        """A run's task instances."""
        return list(
            self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
                "task_instances"
            ]
        )

    def call(self, method: str, path: str, body: Any = None, *, login: bool = True) -> Json:
        """One call; the answer is JSON."""
        headers = {"Content-Type": "application/json"}
        if login:
            headers["Authorization"] = f"Bearer {self._log_in()}"
        content = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", content, headers, method=method)
        with self._opener.open(request, timeout=60) as reply:
            answer: Json = json.load(reply)
        return answer

    def _log_in(self) -> str:
        if not self._token:
            who = {"username": self._user, "password": self._password}
            self._token = self.call("POST", "/auth/token", who, login=False)["access_token"]
        return self._token
