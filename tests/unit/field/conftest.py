"""A stage for situations that were reported in public: real steps, real HTTP, real databases."""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from sandbox.airflow_home import OWNER
from sandbox.erp import DemoErp
from sandbox.receiver import Receiver
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.statements import OWNER_FOLDER

from .shop import SHANGHAI, Shop
from .stage import GOT, TOP, Field


@pytest.fixture
def field(
    warehouse: Engine,
    erp: SqlErp,
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


@pytest.fixture
def open_shop(
    warehouse: Engine,
    new_run: Callable[..., Run],
    now: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Shop]:
    folder = tmp_path / "owner" / "sql" / "erp"
    folder.mkdir(parents=True)
    monkeypatch.setenv(OWNER_FOLDER, str(folder.parents[1]))

    def make(engine: Engine, zone: ZoneInfo = SHANGHAI) -> Shop:
        return Shop(SqlErp(engine, zone), warehouse, new_run, now, folder)

    return make


@pytest.fixture
def mariadb(mariadb_shop: Engine) -> Iterator[Engine]:
    yield mariadb_shop
    with mariadb_shop.begin() as connection:
        connection.execute(text("drop table if exists erp_order"))


@pytest.fixture
def postgresql(new_database: Callable[..., URL]) -> Engine:
    return create_engine(new_database(), poolclass=NullPool)


@pytest.fixture(scope="session")
def encoded(postgres: str) -> Callable[[str], URL]:
    """The URL of a new database in an encoding of its own."""

    def make(encoding: str) -> URL:
        name = f"test_{encoding.lower()}_{uuid4().hex[:8]}"
        admin = create_engine(postgres, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(
                text(
                    f"create database {name} encoding '{encoding}' template template0"
                    " lc_collate 'C' lc_ctype 'C'"
                    + (" locale_provider libc" if _has_providers(connection) else "")
                )
            )
        return make_url(postgres).set(database=name)

    return make


def _has_providers(connection: Any) -> bool:
    return int(connection.scalar(text("show server_version_num"))) >= 150000


@pytest.fixture
def purchase(field: Field) -> Field:
    """An order of a buyer on 1688, on its way."""
    field.order("1001", "2026-09-18 19:00")
    field.parcel("1001")
    return field


@pytest.fixture
def two_parcels(purchase: Field) -> Field:
    """The order of ``purchase`` with a second parcel."""
    purchase.parcel("1001", id="LP2", waybill="YT2")
    purchase.trace("1001", GOT, id="LP2")
    return purchase


@pytest.fixture
def taobao(field: Field) -> Field:
    """An order of a Taobao shop, on its way."""
    field.order("2001", "2026-09-18 19:00", account=TOP)
    field.parcel("2001")
    return field
