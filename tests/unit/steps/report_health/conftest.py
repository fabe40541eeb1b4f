"""A run of `report_health`, and troubles of the pipeline as it would meet them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shipment_tracking.steps import report_health


@pytest.fixture
def report(warehouse, to, new_run, now) -> Callable[..., dict[str, int]]:
    """Report to these destinations, so many hours from noon; returns what came about."""

    def run(
        *wanted: Any, hours: float = 0, broken: dict[str, Any] | None = None, **of_run: Any
    ) -> dict[str, int]:
        counts = report_health.run(
            warehouse,
            new_run(now + timedelta(hours=hours), **of_run),
            channels=to(*wanted or ["ops"], **broken or {}),
            owner="run",
            now=now + timedelta(hours=hours),
            most_failed_calls=0.2,
            fewest_calls=20,
        )
        return {name: count for name, count in counts.items() if count}

    return run


@pytest.fixture
def items(receiver) -> Callable[..., list[tuple[str, str, str]]]:
    """What all messages to an endpoint told of: reason, kind and subject."""
    return lambda name="ops": [
        (item["reason"], item["kind"], item["subject"])
        for delivery in receiver.deliveries(name)
        for item in delivery.body["items"]
    ]


@pytest.fixture
def lock_out(warehouse, execute, ship) -> Callable[..., None]:
    """Let an account with an open order fail as a whole."""

    def fail(account: str = "platform_1688", number: int = 1) -> None:
        ship(number, account=account)
        execute(
            "insert into tracking.circuit values (:account, now(), 1, 'of 19900000001')",
            account=account,
        )

    return fail
