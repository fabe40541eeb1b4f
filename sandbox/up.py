"""
``python -m sandbox up`` and ``down``: Airflow with its UI and the pipeline, on this machine alone.

``up`` returns when the DAG's first run is under way; what it started stays until ``down``, which
finds every process by its mark, whatever became of ``up``. Each ``up`` begins a new world.
"""

import argparse
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from sandbox import receiver, sessions
from sandbox.airflow_api import AirflowApi
from sandbox.airflow_home import PROJECT, connections, settings
from sandbox.defaults import ACCOUNTS, apps_for, connection
from sandbox.postgres import PostgresUnavailableError, PrivatePostgres
from sandbox.programs import (
    ProgramFailedError,
    Programs,
    end_all,
    free_port,
    is_free,
    marked,
    python,
)

FOLDER = PROJECT / ".sandbox" / "up"
DAG = "sync_shipments"
USER = PASSWORD = "admin"
VIEWER = "viewer"
"""Login and password of a user who may look and not act."""
QPS = 25.0
SPEED = 15.0
"""World seconds per second: the pipeline's half hour is two minutes."""

ZONE = "Asia/Shanghai"
SHIPPING_HOURS = 14 * 24
STOP_SECONDS = 30.0
COMPONENTS = ("metadatabase", "scheduler", "dag_processor")


class CannotStartError(RuntimeError):
    """Nothing was started; the message says what is in the way."""


def add_folder_argument(parser: argparse.ArgumentParser) -> None:
    """The option that both commands share."""
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where it lives (default: .sandbox/up)"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `up`."""
    add_folder_argument(parser)
    parser.add_argument(
        "--port", type=int, default=8080, help="of the UI on 127.0.0.1 (default: %(default)s)"
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=SPEED,
        help="world seconds per second; 1 is real time (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="which world (default: %(default)s)")
    parser.add_argument(
        "--orders", type=int, default=120, help="orders of each account (default: %(default)s)"
    )

    parser.add_argument(
        "--shadow",
        action="store_true",
        help="the ERP may not be written to and the DAG stays paused, as when newly installed",
    )
    parser.add_argument(
        "--qps",
        type=float,
        default=QPS,
        help="calls of one app key in any second; 0 is no limit (default: %(default)s)",
    )
    parser.add_argument(
        "--shipping-hours",
        type=float,
        default=SHIPPING_HOURS,
        help="two thirds of the orders ship in so many hours from now (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Start everything unless it runs; returns 0 when the UI can be used."""
    folder: Path = arguments.folder.resolve()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder, "make up is at work already"):
            if marked(folder):
                return _say_it_is_up(folder)
            return _start_or_end(folder, arguments)
    except (CannotStartError, PostgresUnavailableError, ProgramFailedError) as error:
        print(error, file=sys.stderr)
    except PermissionError as error:
        print(f"{folder} belongs to another user: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is left running.", file=sys.stderr)
        return 130
    return 1


def run_down(arguments: argparse.Namespace) -> int:
    """End everything that belongs to the folder; returns 0 when nothing of it runs any more."""
    folder: Path = arguments.folder.resolve()
    if not folder.is_dir() and not marked(folder):
        print("Nothing is up.")
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stopped_up = _stop_up(folder)
        with _locked(folder, "another make down is at work"):
            ended = _end_everything(folder)
    except (CannotStartError, ProgramFailedError) as error:
        print(error, file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"{folder} belongs to another user: {error}", file=sys.stderr)
        return 1
    if ended or stopped_up:
        print(f"Down: {ended} processes ended. Logs and databases stay until the next up: {folder}")
    else:
        print("Nothing is up.")
    return 0


def _start_or_end(folder: Path, arguments: argparse.Namespace) -> int:
    """Start everything, or else leave nothing behind."""
    if not is_free(arguments.port):
        raise CannotStartError(
            f"port {arguments.port} of 127.0.0.1 is taken by another program; "
            f"choose one: make up UI_PORT={free_port()}"
        )
    try:
        _start(folder, arguments)
    except BaseException:
        _end_everything(folder)
        raise
    return 0


def _start(folder: Path, arguments: argparse.Namespace) -> None:
    """Everything in its order, up to the DAG's first run."""
    began = time.monotonic()
    print("Starting Airflow on the sandbox, half a minute to a minute ...", flush=True)
    _clear(folder)
    url = f"http://127.0.0.1:{arguments.port}"
    programs = Programs(folder, {})
    platform_url = _start_platform(programs, arguments)
    accounts = platform_connections(platform_url, arguments.qps)
    accounts["notify_ops"] = receiver.connection(_start_receiver(programs), "ops")
    metadata, warehouse = _start_postgres(programs)
    erp: dict[str, Any] = {"conn_type": "sqlite", "host": str(folder / "erp.db")}
    if not arguments.shadow:
        erp["extra"] = {"write": "sql"}
    variables = settings(folder / "airflow", metadata, f"{platform_url}/clock")
    variables |= airflow_settings(folder, url)
    programs.environment |= variables
    api = AirflowApi(url, USER, PASSWORD)
    _start_airflow(programs, api, arguments.port)
    for conn_id, fields in connections(warehouse, erp, accounts).items():
        api.add_connection(conn_id, fields)
    sessions.record(folder, variables, sessions.analyst_url(warehouse))
    run_id = "" if arguments.shadow else _first_run(programs, api)
    if arguments.speed > 1 and not arguments.shadow:
        pace = ("--url", url, "--user", USER, "--speed", str(arguments.speed))
        programs.start("pace", python("sandbox", "pace", *pace))
    # The pipeline needs no triggerer; the UI would call its absence ill health.
    programs.start("triggerer", python("airflow", "triggerer", "--skip-serve-logs"))
    print(f"Up after {time.monotonic() - began:.0f} s.\n")
    _say_where(folder, url, platform_url, sessions.analyst_url(warehouse), arguments.speed)
    if run_id:
        print(f"\nThe first run, {run_id}, is under way:\n  {url}/dags/{DAG}/runs")
    else:
        print("\nShadow mode: the DAG is paused, and nothing is written to the ERP or sent.")


def platform_connections(platform_url: str, qps: float) -> dict[str, dict[str, Any]]:
    """The connections of all accounts; they promise what the platform accepts (0 is no limit)."""
    apps = apps_for(ACCOUNTS, qps or None)
    return {account: connection(account, platform_url, apps) for account in ACCOUNTS}


def _start_platform(programs: Programs, arguments: argparse.Namespace) -> str:
    """The platform and the ERP, in a world that begins now; returns the platform's address."""
    port = free_port()
    command = python(
        *("sandbox", "platform", "--port", str(port)),
        *("--accounts", ",".join(ACCOUNTS), "--qps", str(arguments.qps)),
        *("--seed", str(arguments.seed), "--orders", str(arguments.orders)),
        *("--shipping-hours", str(arguments.shipping_hours), "--speed", str(arguments.speed)),
        *("--erp", f"sqlite:///{programs.folder / 'erp.db'}"),
    )
    programs.start("platform", command)
    return f"http://127.0.0.1:{port}"


def _start_receiver(programs: Programs) -> str:
    """Who is told of changes; returns its address."""
    port = free_port()
    command = python("sandbox", "receiver", "--port", str(port), "--audiences", "ops")
    programs.start("receiver", command)
    return f"http://127.0.0.1:{port}"


def _start_postgres(programs: Programs) -> tuple[str, str]:
    """One server; returns the addresses of Airflow's database and of the warehouse."""
    server = PrivatePostgres(programs.folder / "postgres", fast=True)
    with _environment(programs.environment):
        server.start()
    warehouse = server.create_database("warehouse")
    _create_analyst(warehouse)
    return server.create_database("airflow"), warehouse


def _create_analyst(warehouse: str) -> None:
    """A login that sees the schema `analytics` and nothing else."""
    name = sessions.ANALYST
    engine = create_engine(warehouse, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for command in (
            "create role analytics_reader",
            f"create role {name} login password '{name}' in role analytics_reader",
            f"alter role {name} set search_path = analytics",
            f"alter role {name} set timezone = '{ZONE}'",
        ):
            connection.exec_driver_sql(command)


def _start_airflow(programs: Programs, api: AirflowApi, port: int) -> None:
    """Airflow's processes, with the DAG known and paused."""
    programs.run("migrate", python("airflow", "db", "migrate"))
    where = ("--host", "127.0.0.1", "--port", str(port))
    programs.start("api-server", python("airflow", "api-server", "--workers", "1", *where))
    programs.start("scheduler", python("airflow", "scheduler", "--skip-serve-logs"))
    programs.start("dag-processor", python("airflow", "dag-processor"))
    programs.wait_for("the UI", lambda: api.health() or None)
    (programs.folder / "address").write_text(api.url, encoding="utf-8")
    # A task that meets an execution API still loading is lost; the DAG is paused until then.
    programs.wait_for("the execution API", lambda: api.executes() or None)
    programs.wait_for("the DAG", lambda: api.dag(DAG))
    programs.wait_for(
        "Airflow's health",
        lambda: {api.health().get(name) for name in COMPONENTS} == {"healthy"} or None,
    )


def _first_run(programs: Programs, api: AirflowApi) -> str:
    """Let the DAG run; returns the id of its first run."""
    api.unpause(DAG)
    # Unpaused, a DAG without catch-up gets a run of its latest interval at once.
    first = programs.wait_for("the first run", lambda: next(iter(api.runs(DAG)), None))
    return str(first["dag_run_id"])


def airflow_settings(folder: Path, url: str) -> dict[str, str]:
    """How Airflow runs here: two users, tasks on this machine, every server on loopback."""
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps({USER: PASSWORD, VIEWER: VIEWER}), encoding="utf-8")
    return {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": ZONE,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{VIEWER}:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    }


def _clear(folder: Path) -> None:
    """Begin anew: the last world's databases and logs go."""
    PrivatePostgres(folder / "postgres").remove()
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != "lock":
            entry.unlink()


def _end_everything(folder: Path) -> int:
    """End every process of the folder; PostgreSQL last and in its own way."""
    ended = end_all(folder)
    PrivatePostgres(folder / "postgres").stop()
    (folder / "address").unlink(missing_ok=True)
    sessions.forget(folder)
    return ended + end_all(folder, postgres_too=True)


def _stop_up(folder: Path) -> bool:
    """Stop a `make up` that is still at work; returns whether there was one."""
    if _is_unlocked(folder):
        return False
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ValueError, ProcessLookupError):
            os.kill(int((folder / "lock").read_text(encoding="utf-8")), how)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if _is_unlocked(folder):
                return True
            time.sleep(0.1)
    return True


def _is_unlocked(folder: Path) -> bool:
    try:
        with _locked(folder, ""):
            return True
    except CannotStartError:
        return False


@contextmanager
def _locked(folder: Path, otherwise: str) -> Iterator[None]:
    """Only one `up` or `down` of a folder at a time; the lock dies with its process."""
    with (folder / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStartError(otherwise) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """What is started inside gets this environment, and with it the mark."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _say_it_is_up(folder: Path) -> int:
    address = folder / "address"
    if not address.exists():
        raise CannotStartError("Parts of an earlier start still run: make down ends them.")
    url = address.read_text(encoding="utf-8")
    try:
        AirflowApi(url, USER, PASSWORD).health()
    except OSError as error:
        raise CannotStartError(
            f"It is up, but {url} does not answer ({error}): make down, then make up."
        ) from error
    print(f"It is up already: {url}   user {USER}, password {PASSWORD}   (make down ends it)")
    return 0


def _say_where(folder: Path, url: str, platform_url: str, warehouse: str, speed: float) -> None:
    pause = f"{30 / speed:.3g} minutes" if speed > 1 else "half hour"
    print(
        f"""Airflow    {url}   user {USER}, password {PASSWORD}
shipments  {url}/plugin/shipments   (user {VIEWER}, password {VIEWER} may look and not act)
platform   {platform_url}/control/usage
ERP        {folder / "erp.db"} (SQLite, table erp_order)
warehouse  make psql, or {warehouse}
shell      make shell (airflow and shipment-tracking commands)
messages   {folder / "logs" / "receiver.log"} (what people are told)
reports    {folder / "airflow" / "shipment_reports"} (trigger the DAG report_daily)
logs       {folder / "logs"}

A minute here is {speed:g} in the sandbox's world, which tells stories for two weeks. The DAG runs
every {pause}, and when you trigger it. make down ends everything."""
    )


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
