"""A polling table of the owner's, and an order that was polled at noon."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.warehouse import polling

from .spans import DAY, HEAD, HOUR


@pytest.fixture
def table(tmp_path: Path, monkeypatch) -> Callable[[str], Path]:
    """Lets the owner have a table of his own."""
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))

    def write(lines: str, head: str = HEAD) -> Path:
        path = tmp_path / "polling.csv"
        path.write_text(head + lines, encoding="utf-8")
        return path

    return write


@pytest.fixture
def polled(ship, execute, select, warehouse, now) -> Callable[..., timedelta | None]:
    """
    After how long an order that was polled at noon is polled again, ``None`` for never.

    ``quiet``: since when nothing happened to its parcel, whose columns may be given.
    """

    def plan(
        *, quiet: timedelta = HOUR, priority: int = 0, number: int = 1, **parcel: Any
    ) -> timedelta | None:
        ship(number, **{"status": "in_transit", "last_event_at": now - quiet} | parcel)
        execute(
            "update tracking.tracked_order set last_polled_at = :now, priority = :priority,"
            " first_seen_at = :long_ago where platform_order_id = :id",
            now=now,
            priority=priority,
            long_ago=now - 400 * DAY,
            id=f"29{number}",
        )
        return again()

    def again() -> timedelta | None:
        orders = [row.order_id for row in select("order_id from tracking.tracked_order")]
        with warehouse.begin() as connection:
            polling.plan(connection, orders, now=now)
        (due,) = select("next_poll_at from tracking.tracked_order order by order_id limit 1")[0]
        return due - now if due else None

    plan.again = again  # type: ignore[attr-defined]
    return plan
