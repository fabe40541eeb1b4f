"""What the steps share: an ERP that is edited by people, and notices of what changed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert as insert_into, select, update

from sandbox.erp import DemoErp, erp_order
from shipment_tracking.erp.sql import SqlWriter
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import extract_orders, notify_changes
from shipment_tracking.warehouse import runs


@pytest.fixture
def writer(shop) -> SqlWriter:
    return SqlWriter(shop, lock_wait=1)


@pytest.fixture
def take_over(shop, warehouse, new_run, now) -> Callable[[], None]:
    """Read the ERP's list."""

    def run(at: datetime = now) -> None:
        extract_orders.run(shop, warehouse, new_run(), knows_account=lambda account: True, now=at)

    return run


@pytest.fixture
def order(shop) -> Callable[..., Any]:
    """An order as the ERP has it."""

    def read(order_no: str = "SO1") -> Any:
        with shop.engine.connect() as connection:
            return connection.execute(
                select(erp_order).where(erp_order.c.order_no == order_no)
            ).one()

    return read


@pytest.fixture
def edit(shop) -> Callable[..., None]:
    """Let a person change an order at the ERP."""

    def change(order_no: str = "SO1", **values: Any) -> None:
        stamp = {"updated_at": datetime(2026, 3, 2, 8, 0)}  # noqa: DTZ001
        with shop.engine.begin() as connection:
            connection.execute(
                update(erp_order).where(erp_order.c.order_no == order_no).values(**stamp | values)
            )

    return change


@pytest.fixture
def owners(tmp_path: Path, monkeypatch) -> Callable[[str, str], None]:
    """Replace a statement of the ERP by its owner's own."""
    folder = tmp_path / "include" / "sql" / "erp"
    folder.mkdir(parents=True)
    monkeypatch.setenv(OWNER_FOLDER, str(folder.parents[1]))
    return lambda name, body: (folder / f"{name}.sql").write_text(body, encoding="utf-8")


@pytest.fixture
def buyer(erp) -> Callable[..., None]:
    """Let the ERP know who waits for an order."""
    DemoErp(erp.engine).create()

    def add(number: int = 1, **changes: Any) -> None:
        row = {
            "order_no": f"SO{number}",
            "platform": "1688",
            "shop": "platform_1688",
            "platform_order_id": f"29{number}",
            "status": "SHIPPED",
            "buyer_name": "赵小满",
            "buyer_phone": f"1990000000{number}",
            "buyer_opted_out": 0,
            "updated_at": datetime(2026, 3, 2),  # noqa: DTZ001
        }
        with erp.engine.begin() as connection:
            connection.execute(insert_into(erp_order).values(**row | changes))

    return add


@pytest.fixture
def notify(warehouse, erp, to, new_run, now) -> Callable[..., dict[str, int]]:
    """Tell these destinations what changed, so many hours from noon."""

    def run(
        *wanted: Any, hours: float = 0, broken: dict[str, Any] | None = None, **of_run: Any
    ) -> dict[str, int]:
        this_run = new_run(now, **of_run)
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)
        return notify_changes.run(
            warehouse,
            this_run,
            open_erp=lambda: erp,
            channels=to(*wanted, **broken or {}),
            owner="run",
            now=now + timedelta(hours=hours),
        )

    return run


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a file into an owner's folder."""

    def put(place: str, text: str) -> None:
        file = tmp_path / "owner" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        monkeypatch.setenv(OWNER_FOLDER, str(tmp_path / "owner"))

    return put
