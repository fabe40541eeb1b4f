"""The DAG for orders of high priority polls just them, closes nothing, and may run beside all."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, text, update

from sandbox.erp import erp_order
from sandbox.platform_1688 import TRACES

if TYPE_CHECKING:
    from airflow.models.dagbag import DagBag

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def urgent(pipeline: Any) -> set[str]:
    """Every third order of the ERP is of high priority; their platform ids."""
    pipeline.erp.sync(pipeline.world, pipeline.clock.now())
    every_third = {
        order.order_id for number, order in enumerate(pipeline.world.orders()) if number % 3 == 0
    }
    with pipeline.erp.engine.begin() as connection:
        connection.execute(update(erp_order).values(priority=0))
        connection.execute(
            update(erp_order)
            .where(erp_order.c.platform_order_id.in_(every_third))
            .values(priority=1)
        )
    return every_third


def asked_for(pipeline: Any, since: int = 0) -> set[str]:
    """The orders whose traces were asked for."""
    return {call.order_id for call in pipeline.sandbox.calls[since:] if call.api == TRACES}


def open_orders(pipeline: Any) -> int:
    with pipeline.warehouse.connect() as connection:
        query = text("select count(*) from analytics.orders where closed_at is null")
        return int(connection.execute(query).scalar_one())


def test_it_is_paused_at_first_and_runs_every_five_minutes(
    dag_bag: "DagBag",
) -> None:
    dag = dag_bag.dags["sync_priority"]

    assert dag.is_paused_upon_creation is True
    assert dag.timetable.summary == "*/5 * * * *"
    assert dag.dagrun_timeout < timedelta(minutes=30)


def test_it_does_what_the_other_one_does(dag_bag: "DagBag") -> None:
    main, priority = dag_bag.dags["sync_shipments"], dag_bag.dags["sync_priority"]

    assert {task.task_id: task.upstream_task_ids for task in priority.tasks} == {
        task.task_id: task.upstream_task_ids for task in main.tasks
    }


def test_only_orders_of_high_priority_are_asked_for(pipeline: Any, urgent: set[str]) -> None:
    states = pipeline.run(dag_id="sync_priority")

    assert states["run"] == "success"
    assert {call.order_id for call in pipeline.sandbox.calls} <= urgent
    assert asked_for(pipeline)


def test_they_are_polled_every_five_minutes_between_other_runs(
    pipeline: Any, urgent: set[str]
) -> None:
    assert pipeline.run()["run"] == "success"
    with pipeline.warehouse.connect() as connection:
        still_open = text(
            "select platform_order_id from tracking.tracked_order"
            " where priority > 0 and next_poll_at is not null and failures = 0"
        )
        waiting = set(connection.execute(still_open).scalars())
    assert waiting

    for _ in range(2):
        before = len(pipeline.sandbox.calls)
        assert pipeline.run(after=FIVE_MINUTES, dag_id="sync_priority")["run"] == "success"
        assert asked_for(pipeline, before) & waiting
        assert asked_for(pipeline, before) <= urgent

    before = len(pipeline.sandbox.calls)
    pipeline.run()
    assert not asked_for(pipeline, before) & urgent


def test_what_left_the_list_is_closed_by_the_other_dag(pipeline: Any, urgent: set[str]) -> None:
    pipeline.run()
    before = open_orders(pipeline)
    with pipeline.erp.engine.begin() as connection:
        gone = connection.execute(
            delete(erp_order).where(
                erp_order.c.platform_order_id.in_(sorted(urgent)[:2]),
                erp_order.c.status == "SHIPPED",
            )
        ).rowcount
    assert gone > 0
    pipeline.erp.sync = lambda *_: 0

    assert pipeline.run(after=FIVE_MINUTES, dag_id="sync_priority")["run"] == "success"
    assert open_orders(pipeline) == before

    pipeline.run(after=FIVE_MINUTES)
    assert open_orders(pipeline) < before


def test_its_runs_are_told_apart_from_the_others(
    pipeline: Any, urgent: set[str], count: Any
) -> None:
    pipeline.run()
    pipeline.run(after=FIVE_MINUTES, dag_id="sync_priority")

    assert count("analytics.runs") == 2
    assert count("analytics.runs where run_id like 'sync_priority/%' and calls > 0") == 1


def test_it_has_no_backfill(pipeline: Any, urgent: set[str]) -> None:
    start = pipeline.world.start.isoformat()
    end = (pipeline.world.start + timedelta(days=1)).isoformat()

    states = pipeline.run(dag_id="sync_priority", shipped_from=start, shipped_to=end)

    assert states["extract_orders"] == "failed"
    assert pipeline.sandbox.calls == []
