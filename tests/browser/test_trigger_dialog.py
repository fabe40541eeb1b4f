"""The trigger dialog of a paused DAG, whose default is to unpause it: nothing acts unasked."""

import re
from typing import Any

import pytest
import requests
from sqlalchemy import text

from .conftest import wait_until

SHOWN = (
    "select count(*) from erp_order where latest_trace is not null or logistics_status is not null"
)
"""Nobody but the pipeline writes these columns; people and the shop write signatures too."""
LONG_AGO = (
    "update tracking.tracked_order set closed_at = '2024-01-01', last_polled_at = '2024-01-01',"
    " parcels_asked_at = '2024-01-01'",
    "update tracking.erp_row set closed_at = '2024-01-01', listed = false,"
    " settled_event = sign_event",
    "update tracking.stall set cleared_at = '2024-01-01'",
    "update tracking.notification set state = 'sent', lease_until = null",
)


def trigger(browser: Any, dag_id: str) -> None:
    """Trigger a DAG as the dialog proposes it."""
    browser.open(f"/dags/{dag_id}")
    browser.button("Trigger").click()
    browser.reads("Unpause")
    browser.photograph(f"n1_dialog_{dag_id}")
    browser.find("[data-testid=trigger-dag-submit]").click()


@pytest.mark.parametrize("dag_id", ["sync_shipments", "sync_priority", "prune_warehouse"])
def test_n14_the_form_begins_with_dry_run(browser: Any, dag_id: str) -> None:
    browser.open(f"/dags/{dag_id}")
    browser.button("Trigger").click()
    form = browser.reads("dry_run").partition("Run Parameters")[2]
    browser.photograph(f"n14_form_{dag_id}")

    assert form.split()[0] == "dry_run"


def rows(engine: Any, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def sent_to_people(stack: Any) -> list[Any]:
    """What the receiver of notices got."""
    log = (stack.folder / "logs" / "receiver.log").read_text(encoding="utf-8")
    (url,) = set(re.findall(r"http://127\.0\.0\.1:\d+", log))
    return list(requests.get(f"{url}/control/deliveries", timeout=10).json())


@pytest.fixture(scope="module")
def triggered(browser: Any, stack: Any) -> dict[str, Any]:
    """The pipeline after it was triggered by hand while paused, and the ERP as it was before."""
    before = rows(stack.erp, SHOWN)
    trigger(browser, "sync_shipments")
    wait_until(lambda: len(stack.api.runs("sync_shipments")) == 2)
    browser.leave()
    found = stack.ends("sync_shipments", runs=2)
    browser.open("/dags/sync_shipments/runs")
    browser.reads("sync_shipments")
    browser.photograph("n1_runs_sync_shipments")
    return {"runs": found, "before": before}


def test_n1_a_paused_pipeline_triggered_by_hand_writes_and_sends_nothing(
    browser: Any, stack: Any, triggered: dict[str, Any]
) -> None:
    assert {run["state"] for run in triggered["runs"]} == {"success"}
    assert {run["run_type"] for run in triggered["runs"]} == {"manual", "scheduled"}
    assert rows(stack.warehouse, "select count(*) > 0 from analytics.trace_events") == [(True,)]
    counted = [
        stack.returned("sync_shipments", run["dag_run_id"], task)
        for run in triggered["runs"]
        for task in ("show_trace", "notify_changes")
    ]
    assert sum(each.get("would_show", 0) for each in counted) > 0
    assert sum(each.get("would_send", 0) for each in counted) > 0

    assert rows(stack.erp, SHOWN) == triggered["before"] == [(0,)]
    assert rows(stack.warehouse, "select count(*) from analytics.erp_writebacks") == [(0,)]
    sent = "select count(*) from analytics.notifications where state = 'sent'"
    assert rows(stack.warehouse, sent) == [(0,)]
    assert sent_to_people(stack) == []


def test_n1_each_run_says_that_nothing_was_written_or_sent(
    browser: Any, stack: Any, triggered: dict[str, Any]
) -> None:
    run_id = triggered["runs"][0]["dag_run_id"]
    for task, said in (
        ("mark_signed", "nothing was written"),
        ("show_trace", "nothing was written"),
        ("notify_changes", "nothing was sent"),
        ("report_stalled", "nothing was sent"),
        ("report_health", "nothing was sent"),
    ):
        lines = [line["event"] for line in stack.log_of("sync_shipments", run_id, task)]
        assert any(line.startswith("shadow mode: ") and said in line for line in lines), task
    browser.open(f"/dags/sync_shipments/runs/{run_id}/tasks/show_trace")
    browser.reads("shadow mode")
    browser.photograph("n1_log_show_trace")


def test_n1_a_paused_prune_triggered_by_hand_deletes_nothing(
    browser: Any, stack: Any, triggered: dict[str, Any]
) -> None:
    stack.api.call("PATCH", "/api/v2/dags/sync_shipments", {"is_paused": True})
    with stack.warehouse.begin() as connection:
        for command in LONG_AGO:
            connection.execute(text(command))
    events = rows(stack.warehouse, "select count(*) from tracking.trace_event")

    trigger(browser, "prune_warehouse")
    (run,) = stack.ends("prune_warehouse", runs=1)

    assert (run["state"], run["run_type"]) == ("success", "manual")
    assert stack.api.dag("prune_warehouse")["is_paused"] is False
    counted = stack.returned("prune_warehouse", run["dag_run_id"], "prune_warehouse")
    assert counted["events"] > 0
    assert '"prune": "delete"' in counted["nothing_deleted"]
    assert rows(stack.warehouse, "select count(*) from tracking.trace_event") == events
    browser.open(f"/dags/prune_warehouse/runs/{run['dag_run_id']}/tasks/prune_warehouse")
    browser.reads("nothing was deleted")
    browser.photograph("n1_log_prune_warehouse")


def test_n5_the_log_of_a_red_task_ends_with_the_message_alone(
    browser: Any, stack: Any, triggered: dict[str, Any]
) -> None:
    stack.api.call("PATCH", "/api/v2/dags/sync_shipments", {"is_paused": False})
    run_id = stack.api.trigger("sync_shipments", shipped_from="2026-03-02T00:00:00+08:00")
    run = next(
        run
        for run in stack.ends("sync_shipments", runs=len(triggered["runs"]) + 1)
        if run["dag_run_id"] == run_id
    )
    assert run["state"] == "failed"

    def last(task: str) -> dict[str, Any]:
        lines = stack.log_of("sync_shipments", run_id, task)
        return next(line for line in reversed(lines) if not line["event"].startswith("::"))

    message = "give shipped_from and shipped_to together, or neither"
    assert (last("extract_orders")["level"], last("extract_orders")["event"]) == ("error", message)
    assert not last("extract_orders").get("error_detail")
    said = [line["event"] for line in stack.log_of("sync_shipments", run_id, "watch")]
    assert f"extract_orders: {message}" in said
    for task in ("extract_orders", "watch"):
        browser.open(f"/dags/sync_shipments/runs/{run_id}/tasks/{task}")
        browser.reads(message)
        browser.photograph(f"n5_log_{task}")
