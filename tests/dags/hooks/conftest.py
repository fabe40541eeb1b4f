"""Airflow connections for one test."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import URL


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, airflow_database: URL) -> Callable[..., None]:
    """Defines an Airflow connection; keys of ``extra`` may be given flat, None takes one out."""

    def define(conn_id: str, connection: dict[str, Any], **changes: Any) -> None:
        extra = {key: value for key, value in changes.items() if key not in connection}
        found = connection | {key: value for key, value in changes.items() if key in connection}
        found["extra"] = dict(connection.get("extra", {})) | extra
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(found))

    return define
