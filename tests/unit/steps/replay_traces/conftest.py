"""Fixtures of the tests of replay_traces: what load_traces is tested with, and a replay."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shipment_tracking.domain.models import Run
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import replay_traces
from shipment_tracking.warehouse.replays import Selection

from ..load_traces.conftest import (  # noqa: F401
    erp_row,
    lists,
    load,
    notices,
    reply,
    statuses,
    track,
)
from ..load_traces.words import NOON

REFERRED_TO = ("shipment", "tracked_order", "replay")


@pytest.fixture
def replay(warehouse) -> Callable[..., dict[str, Any]]:
    """Replay what is stored, so many hours from noon; returns the counts that are not 0."""

    def run(
        hours: float = 1,
        *,
        dry_run: bool = False,
        run_id: str = "",
        readers: Any = None,
        chunk: int = 100,
        **selected: Any,
    ) -> dict[str, Any]:
        now = NOON + timedelta(hours=hours)
        this_run = Run(run_id or f"replay_traces/{now}", "manual", now, dry_run=dry_run)
        options = {"readers": readers} if readers else {}
        counts = replay_traces.run(
            warehouse, this_run, Selection(**selected), now=now, chunk=chunk, **options
        )
        return {name: count for name, count in counts.items() if count}

    return run


@pytest.fixture
def rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Let the owner read a text otherwise from now on."""

    def say(text: str, status: str) -> None:
        file = tmp_path / "owner" / "texts.csv"
        file.parent.mkdir(exist_ok=True)
        lines = file.read_text() if file.exists() else "text,status,sign_kind\n"
        file.write_text(f"{lines}{text},{status},\n", encoding="utf-8")
        monkeypatch.setenv(OWNER_FOLDER, str(file.parent))

    return say


STATE = (
    "erp_key, status, parcels, parcels_signed, signed_at, last_error is null"
    " from analytics.orders order by erp_key",
    "platform_order_id, consignment_id, waybill_no, status, sign_kind, signed_at, first_event_at,"
    " last_event_at, last_event, event_count from analytics.shipments order by 1, 2",
    "platform_order_id, consignment_id, occurred_at, description, city, action, status,"
    " decided_by, future_dated, earlier_life, withdrawn_at from analytics.trace_events"
    " order by 1, 2, 3, 4",
    "platform_order_id, consignment_id, occurred_at_text, description, reason"
    " from analytics.rejected_events order by 1, 2, 3, 4",
    "platform_order_id, status, all_signed, ask_parcels_at, next_poll_at is null"
    " from tracking.tracked_order order by 1",
    "consignment_id, sign_seen_at is null, sign_confirmed_at is null, trace_fetched_at,"
    " trace_since, platform_status, unsettled from tracking.shipment order by 1",
    "erp_key, latest_trace, latest_trace_at, waybill_nos from tracking.erp_row order by 1",
)


@pytest.fixture
def state(select) -> Callable[..., list[Any]]:
    """How everything stands, but for the history that led there and a column."""
    return lambda but="": [list(map(tuple, select(query.replace(but, "")))) for query in STATE]


@pytest.fixture
def second_warehouse(execute, select) -> Callable[[], None]:
    """Begin with nothing again."""

    def empty() -> None:
        tables = {
            row.tablename
            for row in select("tablename from pg_tables where schemaname = 'tracking'")
        }
        for table in sorted(tables - {"schema_version"}, key=REFERRED_TO.__contains__):
            execute(f"delete from tracking.{table}")  # noqa: S608

    return empty


@pytest.fixture
def everything(select) -> Callable[[], list[Any]]:
    """All rows that a replay might touch."""
    tables = (
        "tracked_order",
        "erp_row",
        "shipment",
        "order_shipment",
        "shipment_waybill",
        "trace_event",
        "trace_reply",
        "rejected_event",
        "status_change",
        "notification",
        "erp_writeback",
        "run",
        "stall",
    )
    return lambda: [select(f"* from tracking.{table} order by 1, 2, 3") for table in tables]


@pytest.fixture
def differences(select) -> Callable[..., list[tuple[Any, ...]]]:
    """What replays found of a kind."""
    return lambda kind: [
        tuple(row)
        for row in select(
            "waybill_no, before, after from analytics.replay_differences where kind = :kind"
            " order by waybill_no, occurred_at",
            kind=kind,
        )
    ]
