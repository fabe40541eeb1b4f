"""The DAG that reports a day, on a world whose truth is known."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook

from sandbox.erp import rows as erp_rows
from sandbox.witness import standing
from sandbox.world import World
from shipment_tracking.domain import days
from shipment_tracking.reports.frames import build
from shipment_tracking.warehouse import report

if TYPE_CHECKING:
    from airflow.models.dagbag import DagBag

Keys = Counter[tuple[str, date]]
DAY_LONG = timedelta(days=1)


@pytest.mark.parametrize("late", [timedelta(minutes=5), timedelta(hours=12)])
def test_it_is_paused_at_first_and_unpausing_starts_no_run(
    dag_bag: "DagBag", first_run: Callable[[str, timedelta], timedelta], late: timedelta
) -> None:
    assert dag_bag.dags["report_daily"].is_paused_upon_creation
    assert first_run("report_daily", late) > timedelta(hours=11)


def test_it_runs_at_eight_in_shanghai(dag_bag: "DagBag") -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.serialize_dag(dag_bag.dags["report_daily"])
    timetable = DagSerialization.deserialize_dag(stored).timetable.serialize()

    assert (timetable["expression"], timetable["timezone"]) == ("0 8 * * *", "Asia/Shanghai")


def test_every_param_is_explained_in_both_languages(dag_bag: "DagBag") -> None:
    params = dag_bag.dags["report_daily"].params

    assert set(params) == {"dry_run", "day", "language"}
    for name in params:
        text = params.get_param(name).description or ""
        assert text.isascii() is False
        assert text[0].isascii()
    params.validate()


def truth(world: World, at: datetime) -> tuple[Keys, Keys]:
    """
    How many parcels were shipped and signed, by account and day in Shanghai, as the stories say.

    A signature by text alone counts once it has stood for a day.
    """
    known = world.truth(at)
    shipped: Keys = Counter()
    signed: Keys = Counter()
    # The ERP may call an order shipped in two rows; the first one counts.
    began: dict[tuple[str, str], datetime] = {}
    for row in erp_rows(world):
        if row.state(world.as_of(at))[0] != "PENDING":
            key = (row.account, row.order_id)
            began[key] = min(row.shipped_at, began.get(key, row.shipped_at))
    for key, order in known.items():
        for parcel in order.parcels:
            if parcel.status == "cancelled":
                continue
            shipped[key[0], days.day_of(began[key])] += 1
            if parcel.status == "signed" and parcel.signed_at:
                is_by_text = parcel.sign_kind == "text"
                if not is_by_text or at - parcel.signed_at >= DAY_LONG:
                    signed[key[0], days.day_of(parcel.signed_at)] += 1
    return shipped, signed


def found(pipeline: Any, wanted: Keys, name: str) -> Keys:
    """The report's own numbers of the same accounts and days."""
    numbers: Keys = Counter()
    for day in {day for _, day in wanted}:
        accounts = build(report.read(pipeline.warehouse, day)).tables["accounts"]
        for account, number in zip(accounts["account"], accounts[name], strict=True):
            numbers[account, day] += int(number)
    return numbers


def test_a_report_equals_the_worlds_truth_and_reaches_everybody_once(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SHIPMENT_TRACKING_REPORTS", str(tmp_path))
    wants = pipeline.receiver.connection("ops", report=True)
    monkeypatch.setenv("AIRFLOW_CONN_NOTIFY_OPS", json.dumps(wants))
    pipeline.sandbox.freeze(pipeline.clock.now() + timedelta(hours=8))
    for after in (0, 8, 24.5, 0.5):
        assert pipeline.run(after=timedelta(hours=after))["run"] == "success"
    now = pipeline.clock.now()
    shipped, signed = truth(pipeline.world, now)
    assert len(shipped) > 9
    assert len(signed) > 4
    assert found(pipeline, shipped, "shipped") == shipped
    assert found(pipeline, signed, "signed") == signed

    pipeline.clock.advance(minutes=24 * 60)
    for _ in range(2):
        assert pipeline.run(dag_id="report_daily")["run"] == "success"

    (body,) = reports(pipeline)
    day = days.day_of(now)
    assert body["day"] == day.isoformat()
    assert {each["stage"]: each["still_open"] for each in body["stages"]} == Counter(
        stage for _, stage in standing(pipeline.world, now)
    )
    files = {file.name: file for file in (tmp_path / body["day"]).iterdir()}
    assert {"report.html", "report.xlsx", "accounts.csv", "stalls.csv"} <= set(files)
    book = load_workbook(BytesIO(files["report.xlsx"].read_bytes()))
    assert book["停滞包裹"].max_row - 1 == sum(each["still_open"] for each in body["stages"])

    past = days.day_of(pipeline.world.start)
    assert pipeline.run(dag_id="report_daily", day=past.isoformat())["run"] == "success"
    assert f"包裹日报 {past}" in (tmp_path / str(past) / "report.html").read_text("utf-8")


def reports(pipeline: Any) -> list[dict[str, Any]]:
    """The reports that ops got."""
    bodies = [each.body for each in pipeline.receiver.deliveries("ops")]
    return [body for body in bodies if body["reason"] == "report"]
