"""The DAG that deletes, on what the pipeline left behind."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

if TYPE_CHECKING:
    from airflow.models.dagbag import DagBag

Count = Callable[[str], int]
LATE = "this run missed its time"
LONG_AGO = (
    "update tracking.tracked_order set closed_at = '2024-01-01', last_polled_at = '2024-01-01',"
    " parcels_asked_at = '2024-01-01'",
    "update tracking.erp_row set closed_at = '2024-01-01', listed = false,"
    " settled_event = sign_event",
    "update tracking.stall set cleared_at = '2024-01-01'",
    "update tracking.notification set state = 'sent', lease_until = null",
)


@pytest.fixture
def prune(dag_bag: "DagBag") -> Callable[..., str]:
    """Run the DAG; returns the state of its run."""
    return lambda **params: str(dag_bag.dags["prune_warehouse"].test(run_conf=params or None).state)


@pytest.fixture
def confirm(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the owner of ``warehouse_db`` say what is done with old rows."""

    def say(prune: str) -> None:
        connection = json.loads(os.environ["AIRFLOW_CONN_WAREHOUSE_DB"])
        connection["extra"] = {"prune": prune}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DB", json.dumps(connection))

    return say


@pytest.mark.parametrize("late", [timedelta(minutes=5), timedelta(hours=12)])
def test_n1_it_is_paused_at_first_and_unpausing_starts_no_run(
    dag_bag: "DagBag", first_run: Callable[[str, timedelta], timedelta], late: timedelta
) -> None:
    assert dag_bag.dags["prune_warehouse"].is_paused_upon_creation
    assert first_run("prune_warehouse", late) > timedelta(hours=11)


@pytest.mark.parametrize(("late", "says"), [(timedelta(minutes=5), ""), (timedelta(hours=2), LATE)])
def test_n1_a_scheduled_run_that_missed_its_time_deletes_nothing(
    airflow_database: Any, confirm: Callable[[str], None], late: timedelta, says: str
) -> None:
    from shipment_tracking.hooks.run_hook import kept_because

    confirm("delete")
    run = SimpleNamespace(run_type="scheduled", run_after=datetime.now(UTC) - late)

    assert kept_because(run, dry_run=False).startswith(says) is True
    assert bool(kept_because(run, dry_run=False)) is bool(says)


def test_every_param_is_explained_and_has_a_default(dag_bag: "DagBag") -> None:
    params = dag_bag.dags["prune_warehouse"].params

    expected = {"replies", "notices", "orders", "runs", "acts", "tokens", "dry_run"}
    assert set(params) == expected
    assert all(params.get_param(name).description for name in params)
    params.validate()


def test_no_more_days_can_be_given_than_there_are(dag_bag: "DagBag") -> None:
    params = dag_bag.dags["prune_warehouse"].params

    most = [params.get_param(name).schema["maximum"] for name in params if name != "dry_run"]

    assert datetime.now(UTC) - timedelta(days=max(most)) > datetime(1900, 1, 1, tzinfo=UTC)


def test_what_was_closed_long_ago_is_deleted_and_the_pipeline_goes_on(
    pipeline: Any, prune: Callable[..., str], confirm: Callable[[str], None], count: Count
) -> None:
    assert pipeline.run()["run"] == "success"
    orders, events = count("analytics.orders"), count("tracking.trace_event")

    assert prune() == "success"
    assert count("tracking.trace_event") == events

    with pipeline.warehouse.begin() as connection:
        for command in LONG_AGO:
            connection.execute(text(command))
    assert prune() == "success"
    assert count("tracking.trace_event") == events
    confirm("delete")
    assert prune(dry_run=True) == "success"
    assert count("tracking.trace_event") == events

    assert prune(dry_run=False) == "success"
    assert count("tracking.trace_event") == 0
    assert count("tracking.shipment") == 0
    assert count("analytics.orders") == orders

    told = len(pipeline.receiver.notices())
    assert pipeline.run()["run"] == "success"
    assert count("tracking.trace_event") > 0
    assert len(pipeline.receiver.notices()) == told
