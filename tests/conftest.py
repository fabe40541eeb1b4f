"""What tests share: a PostgreSQL of their own, a fresh warehouse each, accounts on the sandbox."""

import os
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from xdist.scheduler import LoadScopeScheduling

from sandbox.erp import metadata
from sandbox.postgres import PrivatePostgres
from sandbox.server import Sandbox
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.platforms.dialects import client
from shipment_tracking.platforms.gateway import TIMEOUT, Gateway
from shipment_tracking.platforms.ports import Account, PlatformClient, RateLimiter
from shipment_tracking.steps import create_tables
from shipment_tracking.warehouse.quota import Quota
from tests.guard import no_sockets_no_programs

SHANGHAI = ZoneInfo("Asia/Shanghai")
MARIADB = os.environ.get("TEST_MYSQL_URL", "mysql+pymysql://root@127.0.0.1:3306/test")

STARTS_AIRFLOW = ("dags", "integration", "browser")
SERVERS = {
    "make_httpserver",
    "mariadb_shop",
    "new_server",
    "postgres",
    "programs",
    "receiver",
    "sandbox",
    "server",
    "session",
}
"""Fixtures that start a server or another program, or speak to one."""

# A busy machine is no failure.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@event.listens_for(Engine, "connect")
def wait_for_no_disk(connection: object, _: object) -> None:
    """What a test writes into SQLite need not outlive the machine."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=1, help="how many worlds the soak lives through")


class OneProcessAFolder(LoadScopeScheduling):
    """
    A folder whose tests start Airflow is done by one process, and any other test by any.

    The option ``--dist loadgroup`` has no effect from pytest 9.2 on (pytest-xdist issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        folder = nodeid.split("/")[1]
        return folder if folder in STARTS_AIRFLOW else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneProcessAFolder:
    return OneProcessAFolder(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark what starts a server or another program."""
    for item in items:
        starts_airflow = item.path.relative_to(item.config.rootpath).parts[1] in STARTS_AIRFLOW
        needs_server = SERVERS & set(item.fixturenames)
        if starts_airflow or needs_server or _shop_of(item) in ("postgresql", "mariadb"):
            item.add_marker(pytest.mark.server)


def _shop_of(item: pytest.Function) -> object:
    """Which database the fixture `shop` takes; it starts no server before it knows."""
    return item.callspec.params.get("shop") if hasattr(item, "callspec") else None


def _guard(item: pytest.Item) -> AbstractContextManager[None]:
    """What a test runs in: one that is not marked opens no socket and starts no program."""
    return nullcontext() if item.get_closest_marker("server") else no_sockets_no_programs()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with _guard(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with _guard(item):
        return (yield)


def open_engine(url: str | URL) -> Engine:
    """An engine as the hooks make it."""
    return create_engine(
        url, poolclass=NullPool, hide_parameters=True, connect_args={"prepare_threshold": None}
    )


@pytest.fixture(scope="session")
def httpserver_listen_address() -> tuple[str, int]:
    """Where the server of pytest-httpserver listens."""
    return "127.0.0.1", 0


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a server for tests alone; ``WAREHOUSE_URL`` names another."""
    if url := os.environ.get("WAREHOUSE_URL"):
        given = make_url(url).set(drivername="postgresql+psycopg")
        yield given.render_as_string(hide_password=False)
        return
    server = PrivatePostgres(tmp_path_factory.mktemp("postgres"), fast=True)
    try:
        yield server.start()
    finally:
        server.stop()
        server.remove()


@pytest.fixture(scope="session")
def new_database(postgres: str) -> Callable[..., URL]:
    """Makes a database, empty or like another, and returns its URL."""
    numbers = count(1)
    admin = create_engine(postgres, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def make(template: str = "template0") -> URL:
        name = f"test_{os.getpid()}_{next(numbers)}"
        with admin.connect() as connection:
            connection.execute(text(f'create database "{name}" template "{template}"'))
        return make_url(postgres).set(database=name)

    return make


@pytest.fixture(scope="session")
def warehouse_template(new_database: Callable[..., URL]) -> str:
    """Name of a database that has the tables."""
    url = new_database()
    create_tables.run(open_engine(url))
    return str(url.database)


@pytest.fixture
def warehouse(new_database: Callable[..., URL], warehouse_template: str) -> Engine:
    """A warehouse with its tables and nothing in them."""
    return open_engine(new_database(warehouse_template))


@pytest.fixture
def erp(tmp_path: Path) -> SqlErp:
    """An ERP in a SQLite file, without tables."""
    engine = create_engine(f"sqlite:///{tmp_path / 'erp.db'}", poolclass=NullPool)
    return SqlErp(engine, SHANGHAI)


@pytest.fixture(scope="session")
def postgresql_shop(new_database: Callable[..., URL]) -> Engine:
    """A database for an ERP, for many tests."""
    return create_engine(new_database(), poolclass=NullPool)


@pytest.fixture(scope="session")
def mariadb_shop() -> Iterator[Engine]:
    """The same on the machine's MariaDB."""
    admin = create_engine(MARIADB, poolclass=NullPool)
    name = f"shipment_tracking_test_{os.getpid()}"
    try:
        with admin.begin() as connection:
            connection.execute(text(f"create database {name}"))
    except OperationalError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no MariaDB at {MARIADB}: {error.orig}")
    yield create_engine(admin.url.set(database=name), poolclass=NullPool)
    with admin.begin() as connection:
        connection.execute(text(f"drop database {name}"))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def shop(request: pytest.FixtureRequest, erp: SqlErp) -> Iterator[SqlErp]:
    """An ERP on every kind of database, without tables."""
    if request.param == "sqlite":
        yield erp
        return
    engine = request.getfixturevalue(f"{request.param}_shop")
    yield SqlErp(engine, erp.timezone)
    metadata.drop_all(engine)


@pytest.fixture
def account_of() -> Callable[..., Account]:
    """An account of a sandbox as the hook reads it; keywords change fields of the connection."""

    def make(sandbox: Sandbox, name: str, **changes: object) -> Account:
        connection = sandbox.connection(name)
        extra = connection["extra"]
        fields = {
            "conn_id": name,
            "platform": extra["platform"],
            "dialect": extra["dialect"],
            "gateway": connection["host"],
            "app_key": connection["login"],
            "app_secret": connection["password"],
            "access_token": extra["access_token"],
            "refresh_token": None,
            "qps": 1000,
        }
        return Account(**fields | changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def open_client(
    warehouse: Engine, account_of: Callable[..., Account]
) -> Iterator[Callable[..., PlatformClient]]:
    """
    Opens clients of accounts on a sandbox; they do not wait between two tries.

    A client without a pace of its own keeps the quota of its app key.
    """
    opened: list[PlatformClient] = []

    def make(
        sandbox: Sandbox,
        account: str = "platform_1688",
        *,
        timeout: tuple[float, float] = TIMEOUT,
        pace: RateLimiter | None = None,
        **changes: object,
    ) -> PlatformClient:
        found = account_of(sandbox, account, **changes)
        pace = pace or Quota(
            warehouse,
            gateway=found.gateway,
            app_key=found.app_key,
            account=account,
            qps=found.qps,
        )
        opened.append(client(Gateway(found, pace, sleep=lambda seconds: None, timeout=timeout)))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def new_run() -> Callable[..., Run]:
    """Runs with ids of their own."""
    numbers = count(1)

    def make(started_at: datetime | None = None, **changes: object) -> Run:
        fields: dict[str, object] = {
            "run_id": f"run_{next(numbers)}",
            "run_type": "manual",
            "started_at": started_at or datetime.now(UTC),
        }
        return Run(**fields | changes)  # type: ignore[arg-type]

    return make
