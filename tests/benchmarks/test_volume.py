"""Every hot statement is measured as it is, and one that reads a big table whole is named."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from tests.unit.docs.test_docs import sql_in

from . import analytics, page, volume
from .stage import NOW

PARCELS = 2_000


@pytest.fixture
def filled(warehouse: Engine) -> Engine:
    volume.fill(warehouse, PARCELS)
    return warehouse


@pytest.fixture
def scans(filled: Engine) -> Callable[[], int]:
    def count() -> int:
        with filled.connect() as connection:
            return int(connection.scalar(text("select count(*) from tracking.trace_event")))

    return count


def test_every_hot_statement_runs_and_is_taken_back(
    filled: Engine, scans: Callable[[], int]
) -> None:
    names = {figure.name for figure in volume.measured(filled, PARCELS)}

    assert names >= {"replies.due", "loading.insert", "outbox.due", "polling.plan"}
    assert scans() == PARCELS * volume.SCANS


def test_every_view_of_the_page_is_measured(filled: Engine) -> None:
    page.fill(filled)

    figures = page.measured(filled, PARCELS)

    assert {figure.name for figure in figures} >= {"story", "board", "health", "charts"}


def test_every_example_of_analytics_is_measured(filled: Engine) -> None:
    page.fill(filled)

    figures = analytics.measured(filled)

    assert len(figures) == len(sql_in(analytics.PAGE))
    assert {figure.target for figure in figures} == {None}


def test_a_statement_that_reads_a_big_table_whole_is_named(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "MOST_ROWS", PARCELS / 2)
    page = {"after": None, "before": NOW - timedelta(days=30)}

    def tables_read(rows: int) -> tuple[str, ...]:
        binds = page | {"most": rows}
        plan = volume.explained(filled, "pruning.replies", lambda begun: None, binds)
        return plan.scanned

    assert tables_read(10) == ()
    assert "trace_reply" in tables_read(PARCELS)
