"""What the unit tests share: one warehouse, emptied for each, and ways to look into it."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, Row, create_engine, text

from sandbox.erp import DemoErp
from sandbox.receiver import Receiver
from shipment_tracking.channels.port import Channels, Destination
from shipment_tracking.channels.webhook import Webhook
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.statements import query
from tests import factories
from tests.factories import NOW

REFERRED_TO = ("shipment", "tracked_order", "replay")


@pytest.fixture(autouse=True)
def usual_log_level() -> None:
    """Airflow, which tests of other folders start in this process, logs errors alone."""
    logging.getLogger().setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def one_warehouse(new_database: Callable[..., URL], warehouse_template: str) -> Iterator[Engine]:
    """Unlike the hooks' engine it keeps connections: tests would mostly wait for new ones."""
    engine = create_engine(
        new_database(warehouse_template),
        max_overflow=-1,
        hide_parameters=True,
        connect_args={"prepare_threshold": None},
    )
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def emptying(one_warehouse: Engine) -> str:
    """Commands that leave nothing in the tables, to be sent at once."""
    with one_warehouse.begin() as connection:
        found = text("select tablename from pg_tables where schemaname = 'tracking'")
        tables = set(connection.execute(found).scalars()) - {"schema_version"}
    in_turn = sorted(tables, key=REFERRED_TO.__contains__)
    return ";".join(f"delete from tracking.{table}" for table in in_turn)  # noqa: S608


@pytest.fixture
def warehouse(one_warehouse: Engine, emptying: str) -> Engine:
    """A warehouse with its tables and nothing in them; emptying is quicker than creating."""
    with one_warehouse.begin() as connection:
        connection.exec_driver_sql(emptying)
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
def somebody_waits(warehouse: Engine) -> Callable[[], bool]:
    """Whether a session of the warehouse waits for a lock of another."""
    waiting = text(
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock'"
    )

    def look() -> bool:
        with warehouse.connect() as connection:
            return bool(connection.scalar(waiting))

    return look


@pytest.fixture
def while_another_holds(
    warehouse: Engine, somebody_waits: Callable[[], bool]
) -> Callable[..., AbstractContextManager[Future[Any]]]:
    """Do something beside a transaction that ran a statement; it must wait for its end."""

    @contextmanager
    def hold(name: str, work: Callable[[], Any]) -> Iterator[Future[Any]]:
        with ThreadPoolExecutor(1) as pool, warehouse.begin() as holder:
            holder.execute(query(name))
            working = pool.submit(work)
            while not working.done() and not somebody_waits():
                time.sleep(0.01)
            yield working

    return hold


@pytest.fixture
def sold(shop: SqlErp) -> Callable[..., None]:
    """Write an order into the demo ERP."""
    DemoErp(shop.engine).create()

    def write(order_no: str, shipped_at: datetime | None = None, **changes: Any) -> None:
        factories.erp_order(shop.engine, order_no, shipped_at=shipped_at, **changes)

    return write


@pytest.fixture
def insert(warehouse: Engine) -> Callable[..., Any]:
    """Insert a row by hand; returns the value of its first column."""
    return partial(factories.insert, warehouse)


@pytest.fixture
def ship(warehouse: Engine) -> Callable[..., int]:
    """A parcel of an open order, SO1 and YT1 for number 1; returns its id."""

    def add(
        number: int = 1,
        *,
        account: str = factories.ACCOUNT,
        shipped_at: datetime | None = factories.YESTERDAY,
        **changes: Any,
    ) -> int:
        order_id = factories.order(warehouse, number, account=account)
        factories.erp_row(warehouse, order_id, number, account=account, shipped_at=shipped_at)
        return factories.shipment(warehouse, order_id, number, account=account, **changes)

    return add


@pytest.fixture
def change(warehouse: Engine) -> Callable[..., UUID]:
    """A change of a parcel's status with its notice, as loading writes both; returns its id."""

    def add(
        shipment_id: int, to_status: str, *, hours: float = 0, held: bool = False, was: str = ""
    ) -> UUID:
        at = NOW + timedelta(hours=hours)
        event_id = factories.status_change(
            warehouse,
            shipment_id,
            to_status,
            at,
            from_status=was or "pending",
            occurred_at=at - timedelta(minutes=20),
        )
        factories.notification(
            warehouse, shipment_id, event_id, to_status, at, due_at=None if held else at
        )
        return event_id

    return add


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver with an endpoint for each of some audiences, and a second one for ops."""
    with Receiver("ops", "phone", "customers", "platform_1688", "platform_1688_east") as running:
        yield running


@pytest.fixture
def destination(receiver: Receiver) -> Callable[..., Destination]:
    """A channel of an audience: its own endpoint of the receiver, or another one."""

    def make(audience: str = "ops", name: str = "", **options: Any) -> Destination:
        name = name or audience
        channel = Webhook(receiver.url(name), receiver.secret(name))
        return Destination(audience, name, channel, **options)

    return make


@pytest.fixture
def to(destination: Callable[..., Destination]) -> Callable[..., Any]:
    """
    Gives a step these destinations and no others; ``ops/phone`` is channel phone of ops.

    ``missing`` are audiences without a connection.
    """

    def channels(
        *wanted: str | Destination, missing: Sequence[str] = (), **broken: Exception
    ) -> Any:
        found = [
            destination(*each.split("/")) if isinstance(each, str) else each for each in wanted
        ]
        return lambda accounts: Channels(found, broken, missing)  # type: ignore[arg-type]

    return channels
