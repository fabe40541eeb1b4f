"""The demo's ERP on every kind of database, and statements of its owner."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.erp import DemoErp
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.statements import OWNER_FOLDER


@pytest.fixture
def demo(shop: SqlErp) -> SqlErp:
    """An ERP with the demo's tables and no order."""
    DemoErp(shop.engine).create()
    return shop


@pytest.fixture
def owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Replace a statement of the ERP by its owner's own; returns its file."""
    folder = tmp_path / "include" / "sql" / "erp"
    folder.mkdir(parents=True)
    monkeypatch.setenv(OWNER_FOLDER, str(folder.parents[1]))

    def put(name: str, body: str) -> Path:
        file = folder / f"{name}.sql"
        file.write_text(body, encoding="utf-8")
        return file

    return put
