"""
Rows as tests need them: a factory gives each column a usual value, and a test names what matters.

A number makes rows that belong together: order 291, ERP row SO1, and parcel LP1 with waybill YT1
belong to number 1. Times are around noon of a Monday in Shanghai.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from sandbox.erp import erp_order as demo_order

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
ACCOUNT = "platform_1688"


def insert(warehouse: Engine, table: str, **values: Any) -> Any:
    """Insert a row of schema ``tracking``; returns the value of its first column."""
    names, binds = ", ".join(values), ", ".join(f":{name}" for name in values)
    command = f"insert into tracking.{table} ({names}) values ({binds}) returning *"  # noqa: S608
    with warehouse.begin() as connection:
        return connection.execute(text(command), values).one()[0]


def order(warehouse: Engine, number: int = 1, **changes: Any) -> int:
    """A tracked order; returns its id."""
    row: dict[str, Any] = {
        "platform": "1688",
        "account": ACCOUNT,
        "platform_order_id": f"29{number}",
        "first_seen_at": YESTERDAY,
    }
    return int(insert(warehouse, "tracked_order", **row | changes))


def erp_row(warehouse: Engine, order_id: int, number: int = 1, **changes: Any) -> str:
    """A shipped row of the ERP's list; returns its key."""
    row: dict[str, Any] = {
        "erp_key": f"SO{number}",
        "order_id": order_id,
        "account": ACCOUNT,
        "shipped_at": YESTERDAY,
        "listed": True,
        "first_seen_at": YESTERDAY,
    }
    return str(insert(warehouse, "erp_row", **row | changes))


def shipment(warehouse: Engine, order_id: int, number: int = 1, **changes: Any) -> int:
    """A parcel of an order; returns its id."""
    row: dict[str, Any] = {
        "account": ACCOUNT,
        "consignment_id": f"LP{number}",
        "waybill_no": f"YT{number}",
        "carrier_name": "圆通速递",
        "last_event": "快件已到达测试转运中心",
    }
    shipment_id = int(insert(warehouse, "shipment", **row | changes))
    link(warehouse, order_id, shipment_id)
    return shipment_id


def link(warehouse: Engine, order_id: int, shipment_id: int, **changes: Any) -> None:
    """The parcel is the order's, too."""
    row = {"order_id": order_id, "shipment_id": shipment_id, "first_seen_at": YESTERDAY}
    insert(warehouse, "order_shipment", **row | changes)


def trace_event(
    warehouse: Engine, shipment_id: int, status: str, occurred_at: datetime, **changes: Any
) -> None:
    """A scan of a parcel, fetched as soon as it happened; its position makes its hash."""
    row: dict[str, Any] = {
        "shipment_id": shipment_id,
        "status": status,
        "description": status,
        "occurred_at": occurred_at,
        "fetched_at": occurred_at,
        "position": 0,
        "hash_version": 1,
        "future_dated": False,
    } | changes
    insert(warehouse, "trace_event", **{"event_hash": row["position"]} | row)


def trace_reply(
    warehouse: Engine, order_id: int, body: str, fetched_at: datetime, **changes: Any
) -> int:
    """A reply of 1688 that was loaded when it was fetched; returns its id."""
    row: dict[str, Any] = {
        "order_id": order_id,
        "dialect": "param2",
        "fetched_at": fetched_at,
        "fingerprint": "f",
        "body": body,
        "announce": True,
        "run_id": "run",
        "loaded_at": fetched_at,
    }
    return int(insert(warehouse, "trace_reply", **row | changes))


def status_change(
    warehouse: Engine, shipment_id: int, to_status: str, at: datetime, **changes: Any
) -> UUID:
    """A change of a parcel's status, from ``pending`` unless told otherwise; returns its id."""
    row: dict[str, Any] = {
        "event_id": uuid4(),
        "shipment_id": shipment_id,
        "from_status": "pending",
        "to_status": to_status,
        "occurred_at": at,
        "detected_at": at,
        "run_id": "run",
    } | changes
    insert(warehouse, "status_change", **row)
    return UUID(str(row["event_id"]))


def notification(
    warehouse: Engine, shipment_id: int, event_id: UUID, reason: str, at: datetime, **changes: Any
) -> None:
    """A notice of a change, due at once."""
    row: dict[str, Any] = {
        "event_id": event_id,
        "shipment_id": shipment_id,
        "reason": reason,
        "state": "pending",
        "created_at": at,
        "due_at": at,
    }
    insert(warehouse, "notification", **row | changes)


def run(warehouse: Engine, run_id: str, started_at: datetime = NOW, **changes: Any) -> None:
    """A run of the DAG."""
    row = {"run_id": run_id, "run_type": "scheduled", "started_at": started_at}
    insert(warehouse, "run", **row | changes)


def erp_order(erp: Engine, order_no: str, **changes: Any) -> None:
    """A shipped order of the demo ERP, stamped on the day before ``NOW``."""
    row: dict[str, Any] = {
        "order_no": order_no,
        "platform": "1688",
        "shop": ACCOUNT,
        "platform_order_id": "2938624554509662977",
        "status": "SHIPPED",
        "updated_at": datetime(2026, 3, 1, 9, 30, 0, 250_000),  # noqa: DTZ001
    }
    with erp.begin() as connection:
        connection.execute(demo_order.insert(), row | changes)
