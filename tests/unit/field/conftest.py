"""A stage for situations that were reported in public: real steps, real HTTP, real databases."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from sandbox.airflow_home import OWNER
from sandbox.erp import DemoErp
from sandbox.receiver import Receiver
from shipment_tracking.erp.database import ErpDatabase
from shipment_tracking.sql import OWNER_FOLDER

from .stage import Field


@pytest.fixture
def field(
    warehouse: Engine, erp: ErpDatabase, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Field]:
    """An ERP, a gateway, a warehouse and a receiver, ready for the first run."""
    monkeypatch.setenv(OWNER_FOLDER, str(OWNER))
    DemoErp(erp.engine).create()
    playing = Field(warehouse, erp, receiver)
    yield playing
    playing.close()
