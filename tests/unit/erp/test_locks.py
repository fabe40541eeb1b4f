"""Rows that somebody else holds at the ERP: few waits, and nobody waits for us in turn."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import create_engine, event, insert, text
from sqlalchemy.pool import NullPool

from sandbox.erp import erp_order
from shipment_tracking.erp.port import Outcome, Trace
from shipment_tracking.erp.sql import SqlErp

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
REST = {"platform": "1688", "shop": "platform_1688", "priority": 0, "updated_at": NOW}
KEYS = [f"SO{number}" for number in range(6)]


@pytest.fixture
def held(demo: SqlErp) -> Iterator[SqlErp]:
    """An ERP of which somebody holds every row but the first and the last."""
    engine = create_engine(demo.engine.url, poolclass=NullPool)
    with engine.begin() as connection:
        for number, key in enumerate(KEYS):
            row = {"order_no": key, "platform_order_id": str(number), "status": "SHIPPED"}
            connection.execute(insert(erp_order).values(**row, **REST))
    with engine.connect() as other:
        for key in KEYS[1:-1]:
            other.execute(
                text("select * from erp_order where order_no = :key for update"), {"key": key}
            )
        yield replace(demo, engine=engine, lock_wait=1)


def show(erp: SqlErp) -> dict[str, Any]:
    return erp.show_trace([Trace(key, "in_transit", "到", NOW, "YT1") for key in KEYS])


@pytest.mark.parametrize("shop", ["postgresql"], indirect=True)
def test_held_rows_are_waited_for_once(held: SqlErp) -> None:
    began = time.monotonic()

    written = show(held)

    assert time.monotonic() - began < 3
    outcomes = [written[key].outcome for key in KEYS]
    assert outcomes == [Outcome.WRITTEN, *[Outcome.FAILED] * 4, Outcome.WRITTEN]


@pytest.mark.parametrize("shop", ["postgresql", "mariadb"], indirect=True)
def test_what_is_written_is_free_while_others_are_waited_for(held: SqlErp) -> None:
    shown: list[Any] = []
    watcher = create_engine(held.engine.url, poolclass=NullPool)

    @event.listens_for(held.engine, "before_cursor_execute")
    def look(connection: Any, cursor: Any, statement: str, given: Any, *rest: Any) -> None:
        if "SO2" in str(given):
            with watcher.connect() as other:
                found = "select logistics_status from erp_order where order_no = 'SO0'"
                shown.append(other.scalar(text(found)))

    show(held)

    assert shown == ["in_transit"]


@pytest.mark.parametrize("shop", ["mariadb"], indirect=True)
def test_table_that_is_held_is_not_waited_for_without_end(demo: SqlErp) -> None:
    erp = replace(demo, lock_wait=1)
    with erp.engine.connect() as other:
        other.execute(text("lock tables erp_order write"))

        written = erp.show_trace([Trace("SO1", "in_transit", "到", NOW, "YT1")])

        other.execute(text("unlock tables"))
    assert written["SO1"].outcome is Outcome.FAILED
