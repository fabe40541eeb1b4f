"""The examples of docs/erp.md work as an owner's statements, with tables and with an inbox."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from shipment_tracking.erp.port import Outcome, Sign, Trace, Written
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.steps import extract_orders

PAGE = Path(__file__).parents[3] / "docs" / "erp.md"
NOW = datetime(2026, 3, 3, tzinfo=UTC)
FILE = re.compile(r"^`(\w+)\.sql`[^\n]*\n\n```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"^create table .*?;", re.MULTILINE | re.DOTALL)
ORDER = text(
    "insert into sales_order (so_no, channel, shop_code, channel_order_no, state, shipped_on,"
    " changed_on) values ('SO1001', '1688', 'east', '2930001156013078714', 'shipped',"
    " '2026-03-01 10:00', '2026-03-01 10:00:00.5')"
)


@pytest.fixture(params=["own tables", "inbox"])
def shop(
    request: pytest.FixtureRequest,
    new_database: Callable[..., URL],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> SqlErp:
    page = PAGE.read_text(encoding="utf-8")
    tables, _ = page.split("## Example: an inbox table")
    folder = tmp_path / "sql" / "erp"
    folder.mkdir(parents=True)
    for name, body in FILE.findall(page if request.param == "inbox" else tables):
        (folder / f"{name}.sql").write_text(body, encoding="utf-8")
    monkeypatch.setenv("SHIPMENT_TRACKING_INCLUDE", str(tmp_path))
    engine = create_engine(new_database(), poolclass=NullPool)
    with engine.begin() as connection:
        for table in TABLE.findall(page):
            connection.execute(text(table.rstrip(";")))
        connection.execute(ORDER)
    return SqlErp(engine, request.getfixturevalue("erp").timezone)


def test_an_order_is_read_shown_and_signed_once(
    shop: SqlErp, warehouse: Engine, new_run: Callable[..., Any]
) -> None:
    def extract(**interval: datetime) -> list[str]:
        run = new_run(NOW, **interval)
        return extract_orders.run(shop, warehouse, run, knows_account=lambda _: True, now=NOW)

    shipped = {"shipped_from": datetime(2026, 2, 28, tzinfo=UTC), "shipped_to": NOW}
    assert extract() == extract(**shipped) == ["platform_east"]
    with warehouse.connect() as connection:
        stamp = connection.scalar(text("select erp_stamp from tracking.erp_row"))

    def sign(stamp: str | None) -> Outcome:
        signs = [Sign("SO1001", NOW, "self", None, stamp)]
        return shop.mark_signed(signs, now=NOW)["SO1001"].outcome

    trace = Trace("SO1001", "in_transit", "快件已发出", NOW, "YT1")
    assert shop.show_trace([trace]) == {"SO1001": Written(Outcome.WRITTEN)}
    signed = [sign("2026-03-01 10:00:01"), sign(stamp), sign(stamp)]
    assert signed == [Outcome.NO_ROW, Outcome.WRITTEN, Outcome.NO_ROW]
    assert shop.states({"SO1001": NOW})["SO1001"].is_expected  # type: ignore[union-attr]
