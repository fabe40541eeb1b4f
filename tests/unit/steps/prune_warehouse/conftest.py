"""A run of `prune_warehouse`, and orders that were signed long ago."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shipment_tracking.steps import prune_warehouse
from tests import factories

from .retention import KEEP_DAYS

SIGNED = "快件已签收，签收人：本人"
SHANGHAI = ZoneInfo("Asia/Shanghai")
HELD = ("shipment", "trace_event", "status_change", "notification", "trace_reply", "stall")


@pytest.fixture
def prune(warehouse, now) -> Callable[..., dict[str, Any]]:
    """Run the step; returns what it says, without zeros."""

    def run(**options: Any) -> dict[str, Any]:
        found = prune_warehouse.run(
            warehouse,
            **{"keep_days": KEEP_DAYS, "now": now, "budget": timedelta(hours=1)} | options,
        )
        return {name: value for name, value in found.items() if value}

    return run


def body(number: int, at: datetime) -> str:
    """A reply of 1688 in which the order's parcel was signed."""
    scan = {"acceptTime": f"{at.astimezone(SHANGHAI):%F %T}", "remark": SIGNED}
    parcel = {
        "logisticsId": f"LP{number}",
        "logisticsBillNo": f"YT{number}",
        "logisticsSteps": [scan],
    }
    return json.dumps({"logisticsTrace": [parcel]})


@pytest.fixture
def answered(select, warehouse) -> Callable[..., int]:
    """Store a reply of an order's platform; returns its id."""

    def add(number: int, at: datetime, *, loaded: bool = True, **changes: Any) -> int:
        (order,) = select(
            "order_id from tracking.tracked_order where platform_order_id = :id", id=f"29{number}"
        )[0]
        return factories.trace_reply(
            warehouse, order, body(number, at), at, loaded_at=at if loaded else None, **changes
        )

    return add


@pytest.fixture
def signed(warehouse, ship, change, insert, execute, answered, now) -> Callable[..., int]:
    """An order that was signed, written and closed so many days ago; returns its parcel's id."""

    def add(number: int = 1, days: float = 400) -> int:
        closed_at = now - timedelta(days=days)
        shipment = ship(
            number,
            status="signed",
            event_count=1,
            unsettled=False,
            shipped_at=closed_at - timedelta(days=1),
        )
        sign = change(shipment, "signed", hours=-24 * days)
        told = "update tracking.notification set state = 'sent' where event_id = :sign"
        execute(told, sign=sign)
        factories.trace_event(warehouse, shipment, "signed", closed_at, description=SIGNED)
        insert(
            "stall",
            shipment_id=shipment,
            stage="in_transit",
            since=closed_at,
            threshold_hours=72,
            opened_at=closed_at,
            cleared_at=closed_at,
        )
        insert("shipment_waybill", shipment_id=shipment, waybill_no="A", first_seen_at=closed_at)
        insert(
            "erp_writeback",
            erp_key=f"SO{number}",
            account="platform_1688",
            platform_order_id=f"29{number}",
            source_event=sign,
            signed_at=closed_at,
            before="{}",
            outcome="signed",
            run_id="run",
            created_at=closed_at,
        )
        execute(
            "update tracking.tracked_order set closed_at = :at, last_polled_at = :at,"
            " parcels_asked_at = :at, traces_seen_at = :at, fingerprint = 'f', status = 'signed',"
            " has_unshipped_lines = false where platform_order_id = :id",
            at=closed_at,
            id=f"29{number}",
        )
        execute(
            "update tracking.erp_row set closed_at = :at, signed_at = :at, status = 'signed',"
            " sign_event = :sign, settled_event = :sign, listed = false, close_reason = 'signed'"
            " where erp_key = :key",
            at=closed_at,
            sign=sign,
            key=f"SO{number}",
        )
        answered(number, closed_at)
        return shipment

    return add


@pytest.fixture
def stored(select) -> Callable[[], dict[str, int]]:
    """How many rows each table of parcels holds."""

    def rows() -> dict[str, int]:
        return {table: select(f"count(*) from tracking.{table}")[0][0] for table in HELD}

    return rows
