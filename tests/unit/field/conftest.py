"""A stage for situations that were reported in public: real steps, real HTTP, real databases."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sandbox.airflow_home import OWNER
from sandbox.erp import DemoErp
from sandbox.receiver import Receiver
from shipment_tracking.erp.database import ErpDatabase
from shipment_tracking.statements import OWNER_FOLDER

from .stage import Field


@pytest.fixture
def field(
    warehouse: Engine,
    erp: ErpDatabase,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Field]:
    """An ERP, a gateway, a warehouse and a receiver, ready; every run polls every order."""
    owner = shutil.copytree(OWNER, tmp_path / "owner")
    (owner / "polling.csv").write_text("stage,quiet_hours,minutes\nany,0,0\n")
    monkeypatch.setenv(OWNER_FOLDER, str(owner))
    DemoErp(erp.engine).create()
    playing = Field(warehouse, erp, receiver)
    yield playing
    playing.close()
