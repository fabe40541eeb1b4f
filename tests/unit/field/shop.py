"""An ERP with a table of its own, on any database, and the steps that read and write it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, text

from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.steps import extract_orders, mark_signed, show_trace

SHANGHAI = ZoneInfo("Asia/Shanghai")
SIGNED = datetime(2026, 3, 2, 3, 15, 20, tzinfo=UTC)
COLUMNS = {
    "order_no": "varchar(64) primary key",
    "platform": "varchar(16)",
    "platform_order_id": "varchar(64)",
    "status": "varchar(16) default 'SHIPPED'",
    "priority": "int default 0",
    "shipped_at": "{time}",
    "signed_at": "{time}",
    "sign_kind": "varchar(16)",
    "logistics_status": "varchar(32)",
    "waybill_nos": "varchar(255)",
    "latest_trace": "varchar(500)",
    "latest_trace_at": "{time}",
    "updated_at": "{time}",
}
"""The demo's table without the buyer, as the shipped statements expect it."""


@dataclass
class Shop:
    """An ERP with a table of its own, and the steps that read and write it."""

    erp: SqlErp
    warehouse: Engine
    new_run: Callable[..., Run]
    now: datetime
    folder: Path

    def create(self, **columns: str) -> None:
        """The table; keywords give columns other types."""
        time = {"sqlite": "text", "postgresql": "timestamp"}.get(self._kind, "datetime")
        wanted = COLUMNS | columns
        body = ", ".join(f"{name} {kind.format(time=time)}" for name, kind in wanted.items())
        self.do(f"create table erp_order ({body})")

    def sell(self, *keys: str, **values: str) -> None:
        """Add shipped orders; values are SQL."""
        for key in keys:
            row = {
                "order_no": f"'{key}'",
                "platform": "'1688'",
                "platform_order_id": f"'29{abs(hash(key)) % 10**8}'",
                "updated_at": "'2026-03-01 09:30:00'",
            } | values
            self.do(
                f"insert into erp_order ({', '.join(row)}) values ({', '.join(row.values())})"  # noqa: S608
            )

    def do(self, command: str, **binds: Any) -> None:
        with self.erp.engine.begin() as connection:
            connection.execute(text(command), binds)

    def see(self, what: str) -> list[Row[Any]]:
        with self.erp.engine.connect() as connection:
            return list(connection.execute(text(f"select {what}")))

    def owner(self, name: str, body: str) -> None:
        """Replace a statement."""
        (self.folder / f"{name}.sql").write_text(body, encoding="utf-8")

    def read(self, **of_run: Any) -> None:
        extract_orders.run(
            self.erp,
            self.warehouse,
            self.new_run(**of_run),
            knows_account="platform_1688".__eq__,
            now=self.now,
        )

    def known(self, what: str) -> list[Row[Any]]:
        with self.warehouse.connect() as connection:
            return list(connection.execute(text(f"select {what}")))

    def parcels_say(self, key: str, command: str, **binds: Any) -> None:
        """Let loading have found something of an order."""
        with self.warehouse.begin() as connection:
            found = connection.execute(
                text(f"update tracking.erp_row set {command} where erp_key = :key"),  # noqa: S608
                binds | {"key": key},
            )
        assert found.rowcount == 1

    def signed(self, *keys: str, at: datetime = SIGNED) -> None:
        for key in keys:
            self.parcels_say(
                key,
                "status = 'signed', signed_at = :at, sign_kind = 'self', sign_event = :event",
                at=at,
                event=uuid4(),
            )

    def moved(self, *keys: str, trace: str) -> None:
        for key in keys:
            self.parcels_say(
                key,
                "status = 'in_transit', latest_trace = :trace, latest_trace_at = :at,"
                " waybill_nos = 'YT1', trace_changed = true",
                trace=trace,
                at=SIGNED,
            )

    def sign(self, at: datetime | None = None) -> dict[str, int]:
        counts = mark_signed.run(
            self.warehouse, replace(self.erp, lock_wait=1), self.new_run(), now=at or self.now
        )
        return {name: count for name, count in counts.items() if count}

    def show(self, **of_run: Any) -> dict[str, int]:
        counts = show_trace.run(
            self.warehouse, replace(self.erp, lock_wait=1), self.new_run(**of_run)
        )
        return {name: count for name, count in counts.items() if count}

    def crash_before_its_outcome(self) -> None:
        """As if the process had died between its write and what came of it."""
        with self.warehouse.begin() as connection:
            connection.execute(text("update tracking.erp_writeback set outcome = null"))
            connection.execute(text("update tracking.erp_row set settled_event = null"))

    @property
    def _kind(self) -> str:
        return self.erp.engine.dialect.name
