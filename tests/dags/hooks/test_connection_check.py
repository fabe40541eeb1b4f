"""A connection is checked from the command line and by Airflow's own button, stored or not."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.pool import NullPool

from sandbox.airflow_home import postgres_connection
from sandbox.clock import Clock
from sandbox.erp import DemoErp
from sandbox.server import Sandbox
from sandbox.world import World
from shipment_tracking.errors import ConnectionFieldError

ACCOUNT = "platform_1688"
SOMETHING = "somewhere_else"
START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    world = World(3, START, {ACCOUNT: 1}, stories={"signed_by_self": 1})
    clock = Clock.standing(START + timedelta(days=9))
    with Sandbox(world, clock, token_hours=None) as running:
        yield running


@pytest.fixture
def away_from_the_warehouse(
    sandbox: Sandbox, airflow_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warehouse that nobody can reach, and the sandbox's time."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DB", "postgres://127.0.0.1:1/nowhere")
    monkeypatch.setenv("SHIPMENT_TRACKING_CLOCK_URL", sandbox.clock_url)


@pytest.fixture
def stored(sandbox: Sandbox, airflow_database: URL) -> Iterator[str]:
    """The id of a connection that stands in Airflow's own database alone."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    conn_id = "platform_stored"
    fields = sandbox.connection(ACCOUNT)
    with create_session() as session:
        extra = json.dumps(fields.pop("extra"))
        session.add(Connection(conn_id=conn_id, extra=extra, **fields))
    yield conn_id
    with create_session() as session:
        session.query(Connection).filter_by(conn_id=conn_id).delete()


def run_check(conn_id: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shipment_tracking.platforms", "check", conn_id],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.usefixtures("away_from_the_warehouse")
def test_a_connection_in_airflows_database_is_checked_step_by_step(stored: str) -> None:
    checked = run_check(stored)

    assert checked.stdout.splitlines() == [
        "renewed access token: not checked: the warehouse is out of reach, the connection's own"
        " token is used",
        "gateway, app key, app secret: ok",
        "access token: ok",
        "permission for alibaba.trade.getLogisticsInfos.buyerView: ok",
        "permission for alibaba.trade.getLogisticsTraceInfo.buyerView: ok",
        "permission for alibaba.trade.get.buyerView: ok",
        "connection platform_stored works",
    ]
    assert checked.returncode == 0


@pytest.mark.usefixtures("away_from_the_warehouse")
def test_a_broken_environment_connection_fails_the_command(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = sandbox.connection(ACCOUNT) | {"password": "HIDDEN"}
    monkeypatch.setenv("AIRFLOW_CONN_PLATFORM_1688", json.dumps(connection))

    checked = run_check(ACCOUNT)

    (*steps, verdict) = checked.stdout.splitlines()
    assert [step.rpartition(": ")[2] for step in steps[2:]] == ["not checked"] * 4
    assert verdict.startswith("connection platform_1688 does not work: currentTime: the signature")
    assert verdict.endswith("the warehouse is out of reach, the connection's own token is used")
    assert checked.returncode == 1
    assert "HIDDEN" not in checked.stdout + checked.stderr


def test_a_missing_connection_names_the_places_searched(
    airflow_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shipment_tracking.hooks.platform_hook import check

    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")

    with pytest.raises(ConnectionFieldError) as raised:
        check("platform_nowhere")

    assert str(raised.value) == (
        "connection platform_nowhere: not defined, neither as AIRFLOW_CONN_PLATFORM_NOWHERE nor in"
        " the database or secrets backend of this machine's Airflow"
    )


def test_a_warehouse_without_tables_is_not_out_of_reach(
    sandbox: Sandbox,
    airflow_database: URL,
    new_database: Callable[..., URL],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shipment_tracking.hooks.platform_hook import check

    monkeypatch.setenv("AIRFLOW_CONN_PLATFORM_1688", json.dumps(sandbox.connection(ACCOUNT)))
    empty = json.dumps(postgres_connection(new_database()))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DB", empty)
    monkeypatch.setenv("SHIPMENT_TRACKING_CLOCK_URL", sandbox.clock_url)

    about = [finding.about for finding in check(ACCOUNT)]

    assert about[:2] == ["gateway, app key, app secret", "access token"]


@pytest.mark.usefixtures("away_from_the_warehouse")
def test_airflow_tests_a_connection_that_is_not_stored_yet(sandbox: Sandbox) -> None:
    from airflow.sdk import Connection

    fields = sandbox.connection(ACCOUNT)
    extra = fields.pop("extra")

    def tested(**changes: Any) -> tuple[bool, str]:
        values = fields | {"extra": json.dumps(extra | changes.pop("extra", {}))} | changes
        return Connection(conn_id="zQ3xT0ab", **values).test_connection()

    assert tested() == (True, "works")
    works, told = tested(extra={"access_token": "HIDDEN"})
    assert works is False
    assert "authorise the account again" in told
    assert "HIDDEN" not in told
    assert tested(login="") == (False, "login (app key) is missing")


def test_a_token_that_was_renewed_is_the_one_that_is_checked(
    sandbox: Sandbox,
    airflow_database: URL,
    warehouse: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    monkeypatch.setenv("SHIPMENT_TRACKING_CLOCK_URL", sandbox.clock_url)
    monkeypatch.setenv("AIRFLOW_CONN_PLATFORM_1688", json.dumps(sandbox.connection(ACCOUNT)))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DB", json.dumps(postgres_connection(warehouse.url)))
    sandbox.expire_token(ACCOUNT)

    assert PlatformHook(ACCOUNT).test_connection() == (True, "works")

    sandbox.clear_calls()

    assert PlatformHook(ACCOUNT).test_connection() == (True, "works")
    assert "401" not in {call.outcome for call in sandbox.calls}


def run_shipment_tracking(conn_id: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shipment_tracking.cli", "check", conn_id],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def erp_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_database: URL) -> None:
    """``erp_db`` with the demo's tables and no order."""
    file = tmp_path / "erp.db"
    DemoErp(create_engine(f"sqlite:///{file}", poolclass=NullPool)).create()
    fields = {"conn_type": "sqlite", "host": str(file)}
    monkeypatch.setenv("AIRFLOW_CONN_ERP_DB", json.dumps(fields))


@pytest.mark.usefixtures("erp_connection")
def test_the_command_checks_the_erp_statement_by_statement() -> None:
    checked = run_shipment_tracking("erp_db")

    assert checked.stdout.splitlines() == [
        "extract_orders: ok: no order is listed, so the others are tried with erp_key 0",
        "backfill_orders: ok",
        "order_state: ok",
        "mark_signed, undone: ok",
        "show_trace, undone: ok",
        "connection erp_db works, but no order is listed, so the others are tried with erp_key 0",
    ]
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.usefixtures("erp_connection")
def test_the_command_fails_with_what_to_correct(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "include" / "sql" / "erp" / "mark_signed.sql"
    file.parent.mkdir(parents=True)
    file.write_text("updat erp_order set priority = 1 where order_no = :erp_key")
    monkeypatch.setenv("SHIPMENT_TRACKING_INCLUDE", str(tmp_path / "include"))

    checked = run_shipment_tracking("erp_db")

    assert checked.stdout.splitlines()[-1].startswith(
        f"connection erp_db does not work: {file}: the ERP cannot run it: near "
    )
    assert checked.returncode == 1


@pytest.mark.usefixtures("airflow_database")
def test_the_command_names_a_connection_that_is_not_defined() -> None:
    checked = run_shipment_tracking("erp_elsewhere")

    assert checked.stderr.startswith("connection erp_elsewhere: not defined, neither as AIRFLOW_")
    assert checked.returncode == 1


@pytest.mark.usefixtures("away_from_the_warehouse")
def test_the_command_says_what_it_can_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{SOMETHING.upper()}", "http://127.0.0.1:1")
    checked = run_shipment_tracking(SOMETHING)

    assert checked.stderr == (
        f"connection {SOMETHING}: cannot be checked, only erp_db, warehouse_db, notify_… and "
        "accounts can\n"
    )
    assert checked.returncode == 1


@pytest.mark.usefixtures("away_from_the_warehouse")
def test_the_command_checks_an_account_too(stored: str) -> None:
    checked = run_shipment_tracking(stored)

    assert checked.stdout.splitlines()[-1] == "connection platform_stored works"
    assert checked.returncode == 0


WEBHOOK = {"type": "webhook", "url": "https://hooks.example/HIDDEN", "secret": "HIDDEN"}


@pytest.mark.usefixtures("airflow_database")
def test_the_command_checks_each_channel_and_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = {"type": "email", "host": "m.example", "sender": "a@b.example", "to": ["c@b.example"]}
    listed = [WEBHOOK, mail | {"login": "shop"}, {"type": "pigeon"}]
    fields = {"conn_type": "generic", "extra": {"channels": listed}}
    monkeypatch.setenv("AIRFLOW_CONN_NOTIFY_OPS", json.dumps(fields))

    checked = run_shipment_tracking("notify_ops")

    (webhook, email, pigeon, verdict) = checked.stdout.splitlines()
    assert webhook == "channel webhook: ok: fields are usable; nothing was sent"
    assert email == "channel 2: failed: channel email: login is set without password"
    assert pigeon.startswith("channel 3: failed: channel 3: type is 'pigeon'")
    assert verdict.startswith("connection notify_ops does not work: channel email: login is set")
    assert "HIDDEN" not in checked.stdout + checked.stderr
    assert checked.returncode == 1


@pytest.mark.parametrize(
    ("audience", "channels", "works", "said"),
    [
        ("customers", [WEBHOOK], True, "works"),
        ("ops", [], True, "works, but the list is empty, so nobody is notified"),
        ("ops", [WEBHOOK, WEBHOOK], False, "two channels are named webhook"),
        ("opps", [WEBHOOK], False, "'opps' is neither ops, customers nor the id of an account"),
    ],
)
def test_what_is_wrong_with_the_channels_of_an_audience_is_told(
    monkeypatch: pytest.MonkeyPatch,
    airflow_database: URL,
    audience: str,
    channels: list[Any],
    works: bool,
    said: str,
) -> None:
    from shipment_tracking.domain.findings import verdict
    from shipment_tracking.hooks.check_hook import check

    fields = {"conn_type": "generic", "extra": {"channels": channels}}
    monkeypatch.setenv(f"AIRFLOW_CONN_NOTIFY_{audience.upper()}", json.dumps(fields))

    found = verdict(check(f"notify_{audience}"))

    assert found[0] is works
    assert said in found[1]


def test_the_warehouse_says_its_version_and_whether_its_schema_is_up_to_date(
    monkeypatch: pytest.MonkeyPatch,
    airflow_database: URL,
    warehouse: Engine,
    new_database: Callable[..., URL],
) -> None:
    from shipment_tracking.hooks.check_hook import check

    def told(url: URL) -> list[str]:
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DB", json.dumps(postgres_connection(url)))
        return [str(each) for each in check("warehouse_db")]

    server, schema = told(warehouse.url)
    assert server.startswith("server: ok: PostgreSQL ")
    assert schema.startswith("schema: ok: version ")
    assert schema.endswith("is up to date")
    assert told(new_database())[1].startswith("schema: ok: the schema is missing; the next run")
    with warehouse.begin() as connection:
        connection.exec_driver_sql("comment on schema tracking is '0000 x'")
    assert told(warehouse.url)[1].startswith("schema: ok: the schema version 0000 is out of date")
    with warehouse.begin() as connection:
        connection.exec_driver_sql("comment on schema tracking is '9999 x'")
    assert told(warehouse.url)[1].startswith("schema: failed: the warehouse has schema version 99")


@pytest.mark.usefixtures("away_from_the_warehouse")
def test_a_warehouse_out_of_reach_fails_the_command() -> None:
    checked = run_shipment_tracking("warehouse_db")

    assert "connection warehouse_db: its database cannot be reached" in checked.stdout
    assert checked.returncode == 1


def test_the_command_and_the_dag_take_the_same_share_of_untracked_rows() -> None:
    from shipment_tracking.hooks.check_hook import MOST_UNTRACKED

    dag = (Path(__file__).parents[3] / "dags" / "sync_shipments.py").read_text(encoding="utf-8")

    assert f"\nMOST_UNTRACKED = {MOST_UNTRACKED}\n" in dag
