"""Fixtures of the tests of load_traces."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from shipment_tracking.platforms.ali1688.traces import PARCEL_STATUSES
from shipment_tracking.steps import load_traces
from shipment_tracking.warehouse import parcels

from .words import (
    ACCOUNT,
    NOON,
)


@pytest.fixture
def track(warehouse) -> Callable[..., int]:
    """Track an order that was asked for its parcels and polled just now; returns its id."""

    def add(number: int = 1, *, waybills: tuple[str | None, ...] = (None,), **changes: Any) -> int:
        fields = {
            "platform": "1688",
            "account": ACCOUNT,
            "platform_order_id": f"29{number}",
            "first_seen_at": NOON - timedelta(days=1),
            "parcels_asked_at": NOON,
            "ask_parcels_at": NOON + timedelta(days=1),
            "last_polled_at": NOON,
            "traces_seen_at": NOON,
            "next_poll_at": NOON + timedelta(minutes=15),
            "has_unshipped_lines": False,
        } | changes
        names = ", ".join(fields)
        values = ", ".join(f":{name}" for name in fields)
        with warehouse.begin() as connection:
            order_id = connection.execute(
                text(
                    f"insert into tracking.tracked_order ({names}) values ({values})"  # noqa: S608
                    " returning order_id"
                ),
                fields,
            ).scalar_one()
            for suffix, waybill_no in enumerate(waybills):
                connection.execute(
                    text(
                        "insert into tracking.erp_row (erp_key, order_id, platform, account,"
                        " platform_order_id, waybill_no, listed, first_seen_at)"
                        " values (:key, :order_id, '1688', :account, :id, :waybill_no, true, now())"
                    ),
                    {
                        "key": f"SO{number}" + (f"-{suffix}" if suffix else ""),
                        "order_id": order_id,
                        "account": ACCOUNT,
                        "id": fields["platform_order_id"],
                        "waybill_no": waybill_no,
                    },
                )
        return order_id

    return add


@pytest.fixture
def lists(warehouse) -> Callable[..., None]:
    """Let the platform list an order's parcels: ``lists(order, LP1="SIGN")``."""

    def keep(order: int, *, hours: float = 0, announce: bool = True, **codes: str) -> None:
        rows = [
            parcels.ParcelRow(
                order_id=order,
                account=ACCOUNT,
                consignment_id=consignment_id,
                waybill_no=consignment_id.replace("LP", "YT"),
                carrier_code="YTO",
                carrier_name="圆通速递",
                platform_code=code,
                platform_status=str(PARCEL_STATUSES[code]),
                listed=True,
                seen_at=NOON + timedelta(hours=hours),
                announce=announce,
            )
            for consignment_id, code in codes.items()
        ]
        with warehouse.begin() as connection:
            parcels.keep(connection, rows)

    return keep


@pytest.fixture
def reply(warehouse) -> Callable[..., int]:
    """Store a gathered reply; returns its id."""

    def store(
        order: int,
        *parts: dict[str, Any],
        hours: float = 0,
        announce: bool = True,
        dialect: str = "param2",
        body: dict[str, Any] | None = None,
    ) -> int:
        with warehouse.begin() as connection:
            return connection.execute(
                text(
                    "insert into tracking.trace_reply"
                    " (order_id, dialect, fetched_at, fingerprint, body, announce, run_id)"
                    " values (:order, :dialect, :at, '', cast(:body as jsonb), :announce, 'g')"
                    " returning reply_id"
                ),
                {
                    "order": order,
                    "dialect": dialect,
                    "at": NOON + timedelta(hours=hours),
                    "body": json.dumps(body or {"logisticsTrace": parts}),
                    "announce": announce,
                },
            ).scalar_one()

    return store


@pytest.fixture
def load(warehouse, new_run) -> Callable[..., dict[str, int]]:
    """Load what waits, so many hours from noon."""

    def run(hours: float = 0, *, readers: Any = None, chunk: int = 500) -> dict[str, int]:
        options = {"readers": readers} if readers else {}
        return load_traces.run(
            warehouse, new_run(), now=NOON + timedelta(hours=hours), chunk=chunk, **options
        )

    return run


@pytest.fixture
def statuses(select) -> Callable[[], dict[str, str]]:
    """Each parcel's status."""
    return lambda: dict(map(tuple, select("consignment_id, status from tracking.shipment")))


@pytest.fixture
def notices(select) -> Callable[[], list[tuple[Any, ...]]]:
    """Each change's status, its notice's state and reason, and whether it may be sent."""
    return lambda: list(
        map(
            tuple,
            select(
                "to_status, state, reason, due_at is not null from tracking.notification"
                " inner join tracking.status_change using (event_id)"
                " order by notification_id, occurred_at"
            ),
        )
    )


@pytest.fixture
def erp_row(select) -> Callable[..., Any]:
    """An ERP row as analysts see it."""
    return lambda key="SO1": select("* from analytics.orders where erp_key = :key", key=key)[0]
