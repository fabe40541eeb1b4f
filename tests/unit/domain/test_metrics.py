"""One table names every metric: its sources exist, and documentation and dashboard agree."""

import ast
import json
import re
from pathlib import Path

import pytest

from shipment_tracking.domain.metrics import METRICS, OUTCOMES, outcome_of, values_of
from shipment_tracking.platforms import gateway
from shipment_tracking.statements import query
from shipment_tracking.warehouse import runs
from tests.factories import NOW

PROJECT = Path(__file__).parents[3]
NAMES = {metric.name for metric in METRICS}


def sources(place: str) -> set[str]:
    found = (metric.source.partition(".") for metric in METRICS)
    return {name for first, _, name in found if first == place}


def test_names_and_sources_are_there_once():
    assert len(NAMES) == len(METRICS) == len({metric.source for metric in METRICS})


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_name_is_one_for_statsd_opentelemetry_and_prometheus(metric):
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", metric.name)
    assert len(f"airflow.{metric.name}") < 64


def test_dots_and_underscores_tell_names_apart():
    assert len({name.replace(".", "_") for name in NAMES}) == len(NAMES)


def test_the_numbers_of_a_run_exist():
    assert sources("run") <= set(runs.NUMBERS)


def test_how_everything_stands_is_asked_for(warehouse):
    with warehouse.connect() as connection:
        found = connection.execute(query("metrics.state"), {"now": NOW}).one()._mapping

    assert sources("state") == set(found)


def test_every_outcome_of_a_call_has_its_metric():
    tree = ast.parse(Path(gateway.__file__).read_text("utf-8"))
    told = {
        outcome_of(part.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "outcome"
        for part in ast.walk(node.value)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.strip()
    }

    assert told == set(OUTCOMES) == sources("calls")


def test_the_count_of_a_step_stands_in_its_module():
    places = {metric.source.partition(".")[0] for metric in METRICS} - {"run", "calls", "state"}
    for place in places:
        module = (PROJECT / "plugins/shipment_tracking/steps" / f"{place}.py").read_text("utf-8")
        outbox = (PROJECT / "plugins/shipment_tracking/warehouse/outbox.py").read_text("utf-8")
        for name in sources(place):
            assert re.search(rf"\b{name}\b", module + outbox), f"{place}.{name}"


def test_what_is_no_number_is_not_sent():
    counts = {"opened": None, "cleared": True, "warnings": ["x"], "sent": 3}

    assert list(values_of("report_stalled", counts)) == []
    assert [value for _, value in values_of("notify_changes", counts)] == [3]


def test_the_page_lists_every_metric():
    page = (PROJECT / "docs" / "metrics.md").read_text("utf-8")
    listed = re.findall(r"^\| `([\w.]+)` \| (\w+) \| (.+) \|$", page, re.MULTILINE)

    assert listed == [(metric.name, metric.kind, metric.means) for metric in METRICS]


def test_the_dashboard_shows_every_metric_and_no_other():
    board = json.loads((PROJECT / "docs/grafana/shipment-tracking.json").read_text("utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    shown = set(re.findall(r"airflow_(\w+)", " ".join(asked)))

    assert shown == {name.replace(".", "_") for name in NAMES}
    kinds = {metric.name.replace(".", "_"): metric.kind for metric in METRICS}
    for expression in asked:
        (name,) = re.findall(r"airflow_(\w+)", expression)
        assert ("increase(" in expression) is (kinds[name] == "counter"), expression


def test_the_panels_of_the_dashboard_do_not_overlap():
    board = json.loads((PROJECT / "docs/grafana/shipment-tracking.json").read_text("utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {
            (column, row)
            for column in range(at["x"], at["x"] + at["w"])
            for row in range(at["y"], at["y"] + at["h"])
        }
        assert max(column for column, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
