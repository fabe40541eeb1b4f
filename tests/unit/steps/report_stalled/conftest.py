"""A run of `report_stalled`, and what parcels, people and the ERP's list do around it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shipment_tracking.steps import report_stalled
from shipment_tracking.warehouse import runs


@pytest.fixture
def report(warehouse, to, new_run, now) -> Callable[..., dict[str, int]]:
    """Report to these destinations, so many hours from noon."""

    def run(
        *wanted: Any, hours: float = 0, broken: dict[str, Any] | None = None, **of_run: Any
    ) -> dict[str, int]:
        this_run = new_run(now, **of_run)
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)
        return report_stalled.run(
            warehouse,
            this_run,
            channels=to(*wanted or ["ops"], **broken or {}),
            owner="run",
            now=now + timedelta(hours=hours),
        )

    return run


@pytest.fixture
def moves(execute) -> Callable[..., None]:
    """Let a parcel get another status or event, so many hours from noon."""

    def change(shipment_id: int, status: str, at: Any) -> None:
        execute(
            "update tracking.shipment set status = :status, last_event_at = :at"
            " where shipment_id = :id",
            status=status,
            at=at,
            id=shipment_id,
        )

    return change


@pytest.fixture
def stalls(select) -> Callable[[], list[tuple[Any, ...]]]:
    """Stage and beginning of every stall, and whether it is over."""
    return lambda: list(
        map(
            tuple,
            select("stage, since, cleared_at is not null from analytics.stalls order by opened_at"),
        )
    )


@pytest.fixture
def items(receiver) -> Callable[..., list[dict[str, Any]]]:
    """What all messages to an endpoint told of, in order."""
    return lambda name="ops": [
        item for delivery in receiver.deliveries(name) for item in delivery.body["items"]
    ]
