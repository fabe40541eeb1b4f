"""What the steps that write to the ERP share: an ERP that is read, written and edited by people."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from sandbox.erp import erp_order
from shipment_tracking.erp.sql import SqlWriter
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import extract_orders


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
