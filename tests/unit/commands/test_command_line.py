"""Our commands beside an Airflow, or where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shipment_tracking.commands.command_line import airflow_within_reach


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without an Airflow."""
    for name in [name for name in os.environ if name.startswith(("AIRFLOW", "_AIRFLOW"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_where_there_is_no_airflow_its_home_is_temporary() -> None:
    with airflow_within_reach():
        place = Path(os.environ["AIRFLOW_HOME"])
        assert place.is_dir()

    assert not place.exists()
    assert "AIRFLOW_HOME" not in os.environ


def test_an_airflow_that_is_there_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(home / "elsewhere"))
    with airflow_within_reach():
        assert os.environ["AIRFLOW_HOME"] == str(home / "elsewhere")

    monkeypatch.delenv("AIRFLOW_HOME")
    (home / "airflow").mkdir()
    with airflow_within_reach():
        assert "AIRFLOW_HOME" not in os.environ


@pytest.mark.server
def test_a_command_leaves_nothing_in_the_home_of_its_user(home: Path) -> None:
    command = [sys.executable, "-m", "shipment_tracking.cli", "texts"]
    environment = os.environ | {"PYTHONPATH": "plugins"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert "connection warehouse_db: not defined, neither as AIRFLOW_CONN_WAREH" in done.stderr
    assert list(home.iterdir()) == []
