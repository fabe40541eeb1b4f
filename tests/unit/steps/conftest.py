"""What the steps share: an ERP that is edited by people, and notices of what changed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert as insert_into, select, text, update

from sandbox.erp import DemoErp, erp_order
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import extract_orders, mark_signed, notify_changes
from shipment_tracking.warehouse import runs

from .erp_list import ACCOUNTS, SHIPPED, SIGNED, order as row


@pytest.fixture
def writer(shop) -> SqlErp:
    return replace(shop, lock_wait=1)


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
def listing(erp, tmp_path, monkeypatch) -> Callable[..., None]:
    """Let the ERP list just these rows, by statements of its owner on a table without rules."""
    owner = tmp_path / "owner"
    (owner / "sql" / "erp").mkdir(parents=True)
    (owner / "sql" / "erp" / "extract_orders.sql").write_text("-- All.\nselect * from wanted")
    (owner / "sql" / "erp" / "backfill_orders.sql").write_text(
        "-- Of a time.\nselect * from wanted"
        " where shipped_at >= :shipped_from and shipped_at < :shipped_to"
    )
    monkeypatch.setenv(OWNER_FOLDER, str(owner))
    names = ", ".join(row())
    with erp.engine.begin() as connection:
        connection.execute(text(f"create table wanted ({names})"))

    def replace(*rows: dict[str, Any]) -> None:
        values = ", ".join(f":{name}" for name in row())
        with erp.engine.begin() as connection:
            connection.execute(text("delete from wanted"))
            if rows:
                connection.execute(text(f"insert into wanted values ({values})"), list(rows))  # noqa: S608

    return replace


@pytest.fixture
def extract(erp, warehouse, new_run, now) -> Callable[..., list[str]]:
    """Take over what the ERP lists."""

    def run(at: datetime = now, **of_run: Any) -> list[str]:
        return extract_orders.run(
            erp, warehouse, new_run(**of_run), knows_account=ACCOUNTS.__contains__, now=at
        )

    return run


@pytest.fixture
def rows(select) -> Callable[[], dict[str, Any]]:
    """The ERP rows as analysts see them, by their keys."""
    return lambda: {row.erp_key: row for row in select("* from analytics.orders")}


@pytest.fixture
def open_keys(rows) -> Callable[[], set[str]]:
    return lambda: {key for key, row in rows().items() if row.closed_at is None}


@pytest.fixture
def versions(select) -> Callable[[], list[Any]]:
    """Which version each row has; a row that is written gets another one."""
    return lambda: [
        select(f"ctid, xmin from tracking.{table} order by ctid")
        for table in ("erp_row", "tracked_order", "shipment")
    ]


@pytest.fixture
def sign(sold, take_over, execute, select) -> Callable[..., None]:
    """Let orders be shipped at the ERP, taken over, and signed by their parcels."""

    def run(*order_nos: str, at: datetime = SIGNED, **changes: Any) -> None:
        for order_no in order_nos:
            sold(order_no, SHIPPED, **changes)
        take_over()
        for order_no in order_nos:
            execute(
                "update tracking.erp_row set status = 'signed', signed_at = :at,"
                " sign_kind = 'station', sign_event = :event where erp_key = :key",
                at=at,
                event=uuid4(),
                key=order_no,
            )

    return run


@pytest.fixture
def write(warehouse, writer, new_run, now) -> Callable[..., dict[str, int]]:
    """Run the step; returns the outcomes that came about."""

    def run(at: datetime = now, *, chunk: int = 200, **of_run: Any) -> dict[str, int]:
        counts = mark_signed.run(warehouse, writer, new_run(**of_run), now=at, chunk=chunk)
        return {outcome: count for outcome, count in counts.items() if count}

    return run


@pytest.fixture
def audit(select) -> Callable[..., list[tuple[Any, ...]]]:
    """Outcome and detail of each write."""
    every = "outcome, detail from analytics.erp_writebacks order by erp_key"
    return lambda: [tuple(row) for row in select(every)]


@pytest.fixture
def close_reason(select) -> Callable[..., str | None]:
    return lambda key="SO1": select(
        "close_reason from tracking.erp_row where erp_key = :key", key=key
    )[0][0]


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
        *wanted: Any,
        hours: float = 0,
        broken: dict[str, Any] | None = None,
        missing: Sequence[str] = (),
        **of_run: Any,
    ) -> dict[str, int]:
        this_run = new_run(now, **of_run)
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)
        return notify_changes.run(
            warehouse,
            this_run,
            open_erp=lambda: erp,
            channels=to(*wanted, missing=missing, **broken or {}),
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
