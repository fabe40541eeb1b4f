"""An ERP's list of orders for tests: a table without rules, and what is known of its orders."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

ACCOUNTS = {"platform_1688", "platform_1688_east"}
SHIPPED = datetime(2026, 3, 1, 10)  # noqa: DTZ001
SIGNED = datetime(2026, 3, 2, 3, 15, 20, tzinfo=UTC)
SIGNED_THERE = datetime(2026, 3, 2, 11, 15, 20)  # noqa: DTZ001
ON_SERVERS = pytest.mark.parametrize("shop", ["postgresql", "mariadb"], indirect=True)
"""SQLite locks its whole file, and has no dates."""


def order(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A row as the ERP lists it."""
    return {
        "erp_key": f"SO{number}",
        "platform": "1688",
        "account": "platform_1688",
        "platform_order_id": f"29386245545096629{number:02d}",
        "waybill_no": None,
        "shipped_at": "2026-03-01 10:00:00",
        "priority": 0,
        "erp_stamp": "stamp-1",
    } | changes


def parcel_of(execute: Callable[..., None], erp_key: str, consignment_id: str) -> None:
    """A parcel of the row's order, stalled, with a notice waiting."""
    execute(
        """
        with parcel as (
            insert into tracking.shipment (account, consignment_id)
            values ('platform_1688', :consignment_id) returning shipment_id
        ),
        link as (
            insert into tracking.order_shipment (order_id, shipment_id, first_seen_at)
            select order_id, shipment_id, now() from tracking.erp_row, parcel
            where erp_key = :erp_key
        ),
        stalled as (
            insert into tracking.stall (shipment_id, stage, since, threshold_hours, opened_at)
            select shipment_id, 'in_transit', now(), 48, now() from parcel
        )
        insert into tracking.notification (event_id, shipment_id, reason, state, created_at, due_at)
        select gen_random_uuid(), shipment_id, 'in_transit', 'pending', now(), now() from parcel
        """,
        erp_key=erp_key,
        consignment_id=consignment_id,
    )
