"""The DAG that reads stored replies again, on what the pipeline left behind."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import URL, text

from shipment_tracking.errors import ParamError
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps.replay_traces import KINDS

if TYPE_CHECKING:
    from airflow.models.dagbag import DagBag

Count = Callable[[str], int]
KNOWN = ("shipped_from", "shipped_to", "fetched_from", "fetched_to", "account", "dry_run")
DAG = SimpleNamespace(params=dict.fromkeys(KNOWN))
COMMONEST = (
    "select description from tracking.trace_event where status = 'in_transit'"
    " group by description order by count(*) desc limit 1"
)


@pytest.fixture
def replay(dag_bag: "DagBag") -> Callable[..., dict[str, Any]]:
    """Run the DAG; returns what its task returned."""

    def run(**params: Any) -> dict[str, Any]:
        dag_run = dag_bag.dags["replay_traces"].test(run_conf=params or None)
        assert str(dag_run.state) == "success"
        (task,) = dag_run.get_task_instances()
        found = task.xcom_pull(task_ids="replay_traces")
        assert isinstance(found, dict)
        return found

    return run


def test_it_starts_by_hand_only_and_explains_its_params_in_both_languages(
    dag_bag: "DagBag",
) -> None:
    dag = dag_bag.dags["replay_traces"]

    assert dag.schedule is None
    assert next(iter(dag.params)) == "dry_run"
    assert dag.params["dry_run"] is True
    for name in dag.params:
        said = dag.params.get_param(name).description
        assert said
        assert any("一" <= each <= "鿿" for each in said), name
    dag.params.validate()


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"shipped_from": "2026-03-02T00:00"}, "give shipped_from and shipped_to together"),
        (
            {"fetched_from": "2026-03-02T00:00", "fetched_to": "2026-03-01T00:00"},
            "fetched_from .* is not before fetched_to",
        ),
        (
            dict.fromkeys(("shipped_from", "fetched_from"), "2026-03-01T00:00")
            | dict.fromkeys(("shipped_to", "fetched_to"), "2026-03-02T00:00"),
            "give the time of shipping or the time of fetching, not both",
        ),
    ],
)
def test_times_that_make_no_sense_are_refused(
    airflow_database: URL, monkeypatch: pytest.MonkeyPatch, params: dict[str, str], says: str
) -> None:
    from shipment_tracking.hooks import run_hook

    run = SimpleNamespace(dag_id="replay_traces", run_id="r", run_type="manual", conf={})
    context = {"dag": DAG, "dag_run": run, "params": params}
    monkeypatch.setattr(run_hook, "get_current_context", lambda: context)

    with pytest.raises(ParamError, match=says):
        run_hook.replay()


def test_a_run_is_a_dry_run_unless_that_is_unticked(
    airflow_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shipment_tracking.hooks import run_hook

    run = SimpleNamespace(dag_id="replay_traces", run_id="r", run_type="manual", conf={})
    for given, dry_run in (({}, True), ({"dry_run": None}, True), ({"dry_run": False}, False)):
        context = {"dag": DAG, "dag_run": run, "params": given}
        monkeypatch.setattr(run_hook, "get_current_context", lambda context=context: context)

        assert run_hook.replay()["this_run"].dry_run is dry_run
        assert run_hook.replay()["this_run"].run_id == "replay_traces/r"


def test_a_line_of_the_owner_is_shown_then_applied_without_calls_and_notices(
    pipeline: Any,
    replay: Callable[..., dict[str, Any]],
    count: Count,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert pipeline.run()["run"] == "success"
    with pipeline.warehouse.connect() as connection:
        (said,) = connection.execute(text(COMMONEST)).one()
    (tmp_path / "owner").mkdir()
    (tmp_path / "owner" / "texts.csv").write_text(
        f'text,status,sign_kind\n"{said}",exception,\n', encoding="utf-8"
    )
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path / "owner"))
    told, asked = len(pipeline.receiver.notices()), len(pipeline.sandbox.calls)
    read_so = f"tracking.trace_event where description = '{said}' and status = 'exception'"

    shown = replay()

    assert shown["dry_run"] is True
    assert shown["events_changed"] > 0
    assert count(read_so) == 0

    applied = replay(dry_run=False)

    assert applied == shown | {"dry_run": False}
    assert count(read_so) == applied["events_changed"]
    assert count("analytics.replay_differences") == 2 * sum(shown[kind] for kind in KINDS)
    assert len(pipeline.receiver.notices()) == told
    assert len(pipeline.sandbox.calls) == asked
    assert replay(dry_run=False)["events_changed"] == 0
