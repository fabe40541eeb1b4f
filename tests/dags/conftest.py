"""Airflow on the sandbox: its environment is set here, before anything imports it."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.pool import NullPool

from sandbox.airflow_home import PROJECT, environment
from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.erp import DemoErp
from sandbox.receiver import Receiver
from sandbox.server import Sandbox
from sandbox.world import World
from shipment_tracking.domain import days

if TYPE_CHECKING:
    from airflow.models.dagbag import DagBag

START = datetime(2026, 3, 2, tzinfo=UTC)
ACCOUNTS = {"platform_1688": 15, "platform_1688_east": 12, "platform_1688_south": 12}
QPS = 50.0


@pytest.fixture(scope="session")
def airflow_database(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> URL:
    """Airflow's own tables; from here on Airflow may be imported."""
    home = tmp_path_factory.mktemp("airflow")
    metadata = f"sqlite:///{home / 'airflow.db'}"
    os.environ.update(environment(home, metadata, postgres, {"conn_type": "sqlite"}, {}, None))
    from airflow.utils import db

    level = logging.root.level
    db.initdb()
    # Airflow's logging configuration would keep other tests of this process from their logs; a
    # DAG that runs sets the level again.
    logging.root.setLevel(level)
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
    return make_url(metadata)


@pytest.fixture
def dag_bag(airflow_database: URL) -> "DagBag":
    """
    The project's DAGs, read anew: ``dag.test`` leaves the params of its run in the DAG.

    Their half minute before a retry would only be waited for, so it is none.
    """
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(PROJECT / "dags"))
    for dag in bag.dags.values():
        for task in dag.tasks:
            task.retry_delay = timedelta()
    return bag


@pytest.fixture
def first_run(dag_bag: "DagBag") -> Callable[[str, timedelta], timedelta]:
    """How far ahead the first run lies, if a daily DAG is unpaused so long after its time."""
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import TimeRestriction

    def ahead(dag_id: str, late: timedelta) -> timedelta:
        stored = DagSerialization.deserialize_dag(
            DagSerialization.serialize_dag(dag_bag.dags[dag_id])
        )
        now = datetime.now(UTC)
        due = (now - late).astimezone(days.SHANGHAI)
        timetable = stored.timetable.serialize() | {"expression": f"{due:%M %H} * * *"}
        first = (
            type(stored.timetable)
            .deserialize(timetable)
            .next_dagrun_info(
                last_automated_data_interval=None,
                restriction=TimeRestriction(earliest=stored.start_date, latest=None, catchup=False),
            )
        )
        assert first is not None
        return first.run_after - now

    return ahead


@dataclass
class Pipeline:
    """The DAG with everything around it: a world, its ERP, its platform and a warehouse."""

    dag: Any
    world: World
    clock: Clock
    sandbox: Sandbox
    erp: DemoErp
    warehouse: Engine
    receiver: Receiver
    dags: Any

    def run(
        self, *, after: timedelta = timedelta(), dag_id: str = "", **params: Any
    ) -> dict[str, str]:
        """
        Let time pass, bring the ERP up to date and run the DAG, or another one, once.

        :returns: the state of the run and of every task, mapped ones by their account.
        """
        self.clock.advance(minutes=after / timedelta(minutes=1))
        self.erp.sync(self.world, self.clock.now())
        dag = self.dags[dag_id] if dag_id else self.dag
        dag_run = dag.test(run_conf=params or None)
        states = {
            task.task_id + (f"[{task.rendered_map_index}]" if task.map_index >= 0 else ""): str(
                task.state
            )
            for task in dag_run.get_task_instances()
        }
        return {"run": str(dag_run.state), **states}


@pytest.fixture
def erp_engine(tmp_path: Path) -> Engine:
    """The ERP's database: a SQLite file, unless a test has another one."""
    return create_engine(f"sqlite:///{tmp_path / 'erp.db'}", poolclass=NullPool)


def erp_connection(url: URL, **extra: Any) -> dict[str, Any]:
    """The connection ``erp_db`` of a database, which may be written to."""
    extra = {"write": "sql"} | extra
    kind = url.get_backend_name()
    if kind == "sqlite":
        return {"conn_type": "sqlite", "host": url.database, "extra": extra}
    return {
        "conn_type": {"postgresql": "postgres"}.get(kind, kind),
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
        "extra": extra,
    }


@pytest.fixture
def accounts() -> dict[str, int]:
    """How many orders each account has, unless a test has others."""
    return ACCOUNTS


@pytest.fixture
def pipeline(
    dag_bag: "DagBag",
    warehouse: Engine,
    erp_engine: Engine,
    accounts: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pipeline]:
    """A pipeline whose world is a day old."""
    world = World(7, START, accounts)
    clock = Clock.standing(START + timedelta(days=1))
    erp = DemoErp(erp_engine)
    erp.create()
    with (
        Sandbox(world, clock, apps_for(accounts, qps=QPS), token_hours=None) as sandbox,
        Receiver("ops", "south") as receiver,
    ):
        for name, value in environment(
            Path(os.environ["AIRFLOW_HOME"]),
            os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"],
            warehouse.url,
            erp_connection(erp_engine.url),
            {
                **{account: sandbox.connection(account) for account in accounts},
                "notify_ops": receiver.connection("ops"),
                "notify_platform_1688_south": receiver.connection("south", language="en"),
            },
            sandbox.clock_url,
        ).items():
            monkeypatch.setenv(name, value)
        dag = dag_bag.dags["sync_shipments"]
        yield Pipeline(dag, world, clock, sandbox, erp, warehouse, receiver, dag_bag.dags)


@pytest.fixture
def count(warehouse: Engine) -> Callable[[str], int]:
    """Counts rows of a table or view."""
    from sqlalchemy import text

    def rows(table: str) -> int:
        with warehouse.connect() as connection:
            return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())  # noqa: S608

    return rows
