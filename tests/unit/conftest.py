"""What the unit tests share: one warehouse, emptied for each, and ways to look into it."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import URL, Engine, Row, create_engine, insert, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from sandbox.erp import DemoErp, erp_order
from shipment_tracking.erp.database import ErpDatabase
from shipment_tracking.sql import statement

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MARIADB = os.environ.get("TEST_MYSQL_URL", "mysql+pymysql://root@127.0.0.1:3306/test")
REFERRED_TO = ("shipment", "tracked_order")


@pytest.fixture(scope="session")
def one_warehouse(new_database: Callable[..., URL], warehouse_template: str) -> Engine:
    return create_engine(
        new_database(warehouse_template),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"prepare_threshold": None},
    )


@pytest.fixture
def warehouse(one_warehouse: Engine) -> Engine:
    """A warehouse with its tables and nothing in them; emptying is quicker than creating."""
    with one_warehouse.begin() as connection:
        tables = connection.execute(
            text("select tablename from pg_tables where schemaname = 'tracking'")
        ).scalars()
        for table in sorted(set(tables) - {"schema_version"}, key=REFERRED_TO.__contains__):
            connection.execute(text(f"delete from tracking.{table}"))  # noqa: S608
    return one_warehouse


@pytest.fixture
def now() -> datetime:
    """Noon of a Monday in Shanghai."""
    return NOW


@pytest.fixture
def at() -> Callable[..., datetime]:
    """Times as far from noon as told."""
    return lambda **distance: NOW + timedelta(**distance)


@pytest.fixture
def select(warehouse: Engine) -> Callable[..., list[Row[Any]]]:
    """Rows of the warehouse: ``select("status from tracking.shipment")``."""

    def read(query: str, **binds: Any) -> list[Row[Any]]:
        with warehouse.connect() as connection:
            return list(connection.execute(text(f"select {query}"), binds))

    return read


@pytest.fixture
def execute(warehouse: Engine) -> Callable[..., None]:
    """Change the warehouse by hand."""

    def run(command: str, **binds: Any) -> None:
        with warehouse.begin() as connection:
            connection.execute(text(command), binds)

    return run


@pytest.fixture
def while_another_holds(
    warehouse: Engine,
) -> Callable[..., AbstractContextManager[Future[Any]]]:
    """Do something beside a transaction that ran a statement; it must wait for its end."""

    @contextmanager
    def hold(name: str, work: Callable[[], Any]) -> Iterator[Future[Any]]:
        with ThreadPoolExecutor(1) as pool, warehouse.begin() as holder:
            holder.execute(statement(f"warehouse/{name}"))
            working = pool.submit(work)
            while not working.done() and not _somebody_waits(warehouse):
                time.sleep(0.01)
            yield working

    return hold


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def shop(
    request: pytest.FixtureRequest, erp: ErpDatabase, new_database: Callable[..., URL]
) -> Iterator[ErpDatabase]:
    """The demo ERP on every kind of database."""
    if request.param == "sqlite":
        yield erp
    elif request.param == "postgresql":
        yield ErpDatabase(create_engine(new_database(), poolclass=NullPool), erp.timezone)
    else:
        admin = create_engine(MARIADB, poolclass=NullPool)
        name = f"shipment_tracking_test_{os.getpid()}"
        try:
            with admin.begin() as connection:
                connection.execute(text(f"create database {name}"))
        except OperationalError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"no MariaDB at {MARIADB}: {error.orig}")
        yield ErpDatabase(
            create_engine(admin.url.set(database=name), poolclass=NullPool), erp.timezone
        )
        with admin.begin() as connection:
            connection.execute(text(f"drop database {name}"))


@pytest.fixture
def sold(shop: ErpDatabase) -> Callable[..., None]:
    """Write an order into the demo ERP."""
    DemoErp(shop.engine).create()

    def write(order_no: str, shipped_at: datetime | None = None, **changes: Any) -> None:
        values = {
            "order_no": order_no,
            "platform": "1688",
            "shop": "platform_1688",
            "platform_order_id": "2938624554509662977",
            "status": "SHIPPED",
            "shipped_at": shipped_at,
            "updated_at": datetime(2026, 3, 1, 9, 30, 0, 250_000),  # noqa: DTZ001
        }
        with shop.engine.begin() as connection:
            connection.execute(insert(erp_order), values | changes)

    return write


def _somebody_waits(warehouse: Engine) -> bool:
    with warehouse.connect() as connection:
        waiting = text(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        )
        return bool(connection.scalar(waiting))
