"""Fixtures of the tests of gather_traces."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from shipment_tracking.domain.models import Run
from shipment_tracking.steps import gather_traces
from shipment_tracking.warehouse.lanes import LaneContext

from .words import BUDGET, MINUTE, Execute, Platform


@pytest.fixture
def track(execute: Execute, now: datetime) -> Callable[..., None]:
    """Puts orders into the warehouse that are due, unless told otherwise."""

    def insert(*order_ids: str, **columns: Any) -> None:
        values = {
            "priority": 0,
            "status": "in_transit",
            "next_poll_at": now - MINUTE,
            "last_polled_at": now - 30 * MINUTE,
            "parcels_asked_at": now - 60 * MINUTE,
        } | columns
        names, binds = ", ".join(values), ", ".join(f":{name}" for name in values)
        for order_id in order_ids:
            execute(
                "insert into tracking.tracked_order"  # noqa: S608
                f" (platform, account, platform_order_id, first_seen_at, {names})"
                f" values ('1688', 'platform_1688', :order_id, now(), {binds})",
                order_id=order_id,
                **values,
            )
            execute(
                "insert into tracking.erp_row (erp_key, order_id, first_seen_at, listed)"
                " select platform_order_id, order_id, first_seen_at, true"
                " from tracking.tracked_order where platform_order_id = :order_id",
                order_id=order_id,
            )

    return insert


@pytest.fixture
def gather(warehouse: Engine, now: datetime, new_run: Callable[..., Run]) -> Callable[..., Any]:
    """Runs the step for the account at noon."""

    def run(platform: Platform, **changes: Any) -> dict[str, int]:
        lane = LaneContext(
            warehouse,
            platform,  # type: ignore[arg-type]
            changes.pop("run", new_run()),
            owner=changes.pop("owner", "me"),
            budget=changes.pop("budget", BUDGET),
            clock=changes.pop("clock", lambda: now),
        )
        return gather_traces.run(lane, **changes)

    return run
