"""The DAG that deletes, on what the pipeline left behind."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

if TYPE_CHECKING:
    from airflow.models.dagbag import DagBag

Count = Callable[[str], int]
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


def test_it_deletes_only_once_its_owner_switches_it_on(dag_bag: "DagBag") -> None:
    assert dag_bag.dags["prune_warehouse"].is_paused_upon_creation


def test_every_param_is_explained_and_has_a_default(dag_bag: "DagBag") -> None:
    params = dag_bag.dags["prune_warehouse"].params

    assert set(params) == {"replies", "notices", "orders", "runs", "tokens", "dry_run"}
    assert all(params.get_param(name).description for name in params)
    params.validate()


def test_what_was_closed_long_ago_is_deleted_and_the_pipeline_goes_on(
    pipeline: Any, prune: Callable[..., str], count: Count
) -> None:
    assert pipeline.run()["run"] == "success"
    orders, events = count("analytics.orders"), count("tracking.trace_event")

    assert prune() == "success"
    assert count("tracking.trace_event") == events

    with pipeline.warehouse.begin() as connection:
        for command in LONG_AGO:
            connection.execute(text(command))
    assert prune(dry_run=True) == "success"
    assert count("tracking.trace_event") == events

    assert prune(dry_run=False) == "success"
    assert count("tracking.trace_event") == 0
    assert count("tracking.shipment") == 0
    assert count("analytics.orders") == orders

    told = len(pipeline.receiver.deliveries())
    assert pipeline.run()["run"] == "success"
    assert count("tracking.trace_event") > 0
    assert len(pipeline.receiver.deliveries()) == told
