"""
``python -m sandbox demo``: the real DAG through three days of the sandbox world in a few minutes.

Everything is local and ends with the command; the databases stay in the folder to be looked at.
"""

import argparse
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from sandbox.airflow_home import PROJECT, environment
from sandbox.clock import Clock
from sandbox.defaults import ACCOUNTS, apps_for
from sandbox.erp import DemoErp
from sandbox.parcels import SHANGHAI
from sandbox.postgres import PostgresUnavailableError, PrivatePostgres
from sandbox.receiver import Receiver
from sandbox.server import Sandbox
from sandbox.witness import (
    differences,
    erp_differences,
    is_signed,
    leaks,
    stall_differences,
    told_differences,
)
from sandbox.world import World, platform_of

START = datetime(2026, 3, 2, 8, tzinfo=SHANGHAI)
WORLD_STANDS_STILL_AFTER = timedelta(hours=72)
# From then on nothing happens, so that the last runs can be held against the truth. The quiet day
# lets the pipeline ask again about parcels that no trace will ever tell of.
RUNS_AFTER_HOURS = (0, 0.5, 8, 16, 24, 36, 48, 60, 72, 72.5, 96.5, 97, 97.5)
QPS = 25.0
COLUMNS = "{:<12}{:>4}{:>7}{:>6}{:>7}{:>6}{:>8}{:>7}{:>8}{:>9}{:>7}   {}"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything the DAG works on."""

    world: World
    clock: Clock
    sandbox: Sandbox
    erp: DemoErp
    warehouse: Engine
    receiver: Receiver
    moments: list[datetime] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--seed", type=int, default=1, help="which world (default: %(default)s)")
    parser.add_argument(
        "--orders", type=int, default=30, help="orders of each account (default: %(default)s)"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=PROJECT / ".sandbox" / "demo",
        help="where everything is kept; emptied first (default: .sandbox/demo)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Play the demo; returns 0 when the warehouse holds nothing but the world's truth."""
    try:
        with _stage(arguments) as stage:
            print("Starting Airflow (first time: half a minute) ...", flush=True)
            dag = _dag()
            states = _play(stage, dag)
            problems = _report(stage) + [
                f"the run of {moment} ended {state}"
                for moment, state in states.items()
                if state != "success"
            ]
    except PostgresUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    if problems:
        print(f"\nThe demo's check failed. {len(problems)} things are not as they should be:")
    for problem in problems:
        print(f"  {problem}")
    _say_what_next(arguments.folder)
    return 1 if problems else 0


@contextmanager
def _stage(arguments: argparse.Namespace) -> Iterator[Stage]:
    folder: Path = arguments.folder.resolve()
    PrivatePostgres(folder / "postgres").remove()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    world = World(arguments.seed, START, dict.fromkeys(ACCOUNTS, arguments.orders))
    clock = Clock.standing(START)
    platforms = Counter(platform_of(account).title() for account in ACCOUNTS)
    print(
        f"A world of {len(ACCOUNTS)} accounts with {arguments.orders} orders each ("
        + ", ".join(f"{number} of {name}" for name, number in platforms.items())
        + ");\nthe platforms, the ERP, PostgreSQL and Airflow all run on this machine alone."
    )
    erp_file = folder / "erp.db"
    engine = create_engine(f"sqlite:///{erp_file}", poolclass=NullPool)
    erp = DemoErp(engine, has_zeros=True)
    erp.create()
    with (
        _databases(folder) as (metadata, warehouse),
        Sandbox(world, clock, apps_for(ACCOUNTS, QPS), token_hours=None, odd_forms=True) as sandbox,
        Receiver("ops") as receiver,
    ):
        os.environ.update(
            environment(
                folder / "airflow",
                metadata,
                warehouse,
                {"conn_type": "sqlite", "host": str(erp_file), "extra": {"write": "sql"}},
                {
                    **{account: sandbox.connection(account) for account in ACCOUNTS},
                    "notify_ops": receiver.connection("ops", language="en"),
                },
                sandbox.clock_url,
            )
        )
        try:
            engine = create_engine(warehouse, poolclass=NullPool)
            yield Stage(world, clock, sandbox, erp, engine, receiver)
        finally:
            _let_airflow_go()


@contextmanager
def _databases(folder: Path) -> Iterator[tuple[URL, URL]]:
    """Empty databases for Airflow and the warehouse, on a server of our own or the one given."""
    if not os.environ.get("WAREHOUSE_URL"):
        with PrivatePostgres(folder / "postgres") as server:
            yield (
                make_url(server.create_database("airflow")),
                make_url(server.create_database("warehouse")),
            )
        return
    given = make_url(os.environ["WAREHOUSE_URL"]).set(drivername="postgresql+psycopg")
    names = ("shipment_demo_airflow", "shipment_demo_warehouse")
    admin = create_engine(given, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for name in names:
            connection.execute(text(f"drop database if exists {name} with (force)"))
            connection.execute(text(f"create database {name}"))
    yield given.set(database=names[0]), given.set(database=names[1])


def _let_airflow_go() -> None:
    """Close Airflow's connections before their server stops."""
    if "airflow" in sys.modules:
        from airflow.settings import dispose_orm

        dispose_orm()


def _dag() -> Any:
    # Only now: Airflow reads its environment while it is imported.
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils import db

    db.initdb()
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if bag.import_errors:
        raise RuntimeError(f"the DAG cannot be read: {bag.import_errors}")
    return bag.dags["sync_shipments"]


def _play(stage: Stage, dag: Any) -> dict[str, str]:
    """Run the DAG at each of the demo's times and print a line each."""
    print(
        "\nOne line a run of the DAG sync_shipments (signed: written to the ERP; notices: sent, "
        "alarms included;\nstalled: parcels that stand still; failed: orders refused by the "
        "platform)\n"
    )
    header = ("world time", "due", "polled", "calls", "events", "again", "changes", "signed")
    print(COLUMNS.format(*header, "notices", "stalled", "failed", "run"))
    states: dict[str, str] = {}
    for hours in RUNS_AFTER_HOURS:
        now = stage.clock.set(START + timedelta(hours=hours))
        if timedelta(hours=hours) == WORLD_STANDS_STILL_AFTER:
            stage.sandbox.freeze(now)
        stage.erp.sync(stage.world, now)
        stage.moments.append(now)
        began = time.monotonic()
        dag_run = dag.test()
        moment = f"{now.astimezone(SHANGHAI):%m-%d %H:%M}"
        states[moment] = str(dag_run.state)
        row = _row(
            stage.warehouse,
            "select runs.*, (select count(*) from analytics.stalls where cleared_at is null)"
            " as stalled, (select count(*) from analytics.erp_writebacks"
            " where run_id = :id and outcome = 'signed') as written"
            " from analytics.runs where run_id = :id",
            dag_run,
        )
        print(
            COLUMNS.format(
                moment,
                row.due,
                row.polled,
                row.calls,
                row.events_new,
                row.events_duplicate,
                row.changes,
                row.written,
                row.notices_sent,
                row.stalled,
                row.failed_orders,
                f"{states[moment]}, {time.monotonic() - began:.0f} s",
            ),
            flush=True,
        )
    return states


def _row(warehouse: Engine, query: str, dag_run: Any = None) -> Any:
    with warehouse.connect() as connection:
        return connection.execute(text(query), {"id": dag_run.run_id} if dag_run else {}).one()


def _report(stage: Stage) -> list[str]:
    """Print what the warehouse holds; returns what differs from the world's truth."""
    now = stage.clock.now()
    truth = stage.world.truth(now)
    totals = _row(
        stage.warehouse,
        "select (select count(*) from analytics.orders) as orders,"
        " (select count(*) from analytics.orders where signed_at is not null) as signed,"
        " (select count(distinct shipment_id) from analytics.shipments) as parcels,"
        " (select count(*) from tracking.trace_event) as events,"
        " (select count(*) from analytics.status_changes) as changes,"
        " (select sum(polled) from analytics.runs) as polled,"
        " (select sum(calls) from analytics.runs) as calls,"
        " (select count(*) from analytics.erp_writebacks where outcome = 'signed') as written,"
        " (select count(*) from analytics.erp_writebacks where outcome <> 'signed') as unwritten,"
        " (select count(*) from analytics.notifications where state = 'suppressed') as suppressed,"
        " (select count(*) from analytics.stalls) as stalls,"
        " (select count(*) from analytics.stalls where cleared_at is not null) as cleared,"
        " (select count(*) from tracking.rejected_event) as rejected,"
        " (select count(*) from tracking.trace_event where withdrawn_at is not null) as withdrawn,"
        " (select count(*) from tracking.trace_event where earlier_life) as earlier",
    )
    with stage.warehouse.connect() as connection:
        statuses = connection.execute(
            text("select status, count(*) from analytics.orders group by status order by 2 desc")
        ).all()
        accounts = connection.execute(
            text(
                "select account, count(*) as orders, count(signed_at) as signed"
                " from analytics.orders group by account order by account"
            )
        ).all()
    usage = stage.sandbox.usage()
    print(
        f"\nIn the warehouse: {totals.orders} ERP orders, {totals.parcels} parcels, "
        f"{totals.events} trace events, {totals.changes} status changes; "
        f"{totals.signed} orders signed."
    )
    print(
        f"Not evidence: {totals.withdrawn} events that the platforms took back, {totals.earlier} "
        "of earlier parcels with a reused number,\n"
        f"{totals.rejected} steps without a time or a text."
    )
    print(
        f"At the ERP: {totals.written} of its rows signed by the pipeline, {totals.unwritten} left "
        "as people have them; every open one shows its latest trace."
    )
    print(
        f"People were told of {len(stage.receiver.notices())} changes by signed webhooks; "
        f"{totals.suppressed} more were old at first sight or superseded by a newer one. "
        f"{totals.stalls} parcels were stalled and gave an alarm; {totals.cleared} of them "
        "are over."
    )
    if notices := stage.receiver.notices():
        print(f"The last notice said: {notices[-1]['text']}")
    print("Orders by status: " + ", ".join(f"{name} {count}" for name, count in statuses))
    print(
        "Orders by account (signed): "
        + ", ".join(f"{row.account} {row.orders} ({row.signed})" for row in accounts)
    )
    print(
        f"Calls: {totals.calls}, that is {totals.calls / max(1, totals.orders):.1f} an order and "
        f"{totals.calls / max(1, totals.polled):.2f} for each time one was polled (parcel lists, "
        "confirmations of signs and order details included)."
    )
    print(
        f"The platforms allow {QPS:.0f} calls in any second per app key; the most they saw: "
        + ", ".join(f"{key}: {most}" for key, most in usage["most_in_any_second"].items())
        + f"; refused as too fast: {sum(usage['refused_by_quota'].values())}."
    )
    found = [
        *differences(stage.warehouse, stage.world, now),
        *erp_differences(stage.erp.engine, stage.world, now),
        *told_differences(stage.receiver.notices(), stage.world, stage.moments),
        *stall_differences(stage.warehouse, stage.world, now),
    ]
    told = leaks(stage.warehouse, stage.world)
    known = sum(len(order.parcels) for order in truth.values())
    scans = sum(len(parcel.events) for order in truth.values() for parcel in order.parcels)
    proven = sum(order.signed for order in truth.values())
    signed = sum(is_signed(order, now) for order in truth.values())
    unreadable = sum(order.has_nan for order in truth.values())
    print(
        f"\nThe world's own count: {len(truth)} shipped orders, {known} parcels, {scans} scans, "
        f"{signed} orders signed,\n{signed - proven} of them by a text alone that stood for a day. "
        f"No reply about {unreadable} orders can be read.\n"
        "Now and then an order has two rows at the ERP, or one with a mistyped waybill number."
    )
    if not found and not told:
        print(
            "Warehouse, ERP and receiver agree with it: every scan once, every parcel's status "
            "right; just the signed\norders signed, with their times; every change told once; the "
            "stalled parcels reported; no person's\nname or phone number stored."
        )
    problems = [str(difference) for difference in found[:20]]
    problems += [f"stored in the warehouse: {word}" for word in told[:20]]
    for what, count in Counter(difference.what for difference in found).items():
        print(f"Differs: {what}: {count}")
    return problems


def _say_what_next(folder: Path) -> None:
    given = os.environ.get("WAREHOUSE_URL")
    look = (
        "database shipment_demo_warehouse on your server"
        if given
        else f".venv/bin/python -m sandbox postgres start --folder {_short(folder)}/postgres\n"
        "                               prints its address (end it with stop); database warehouse"
    )
    print(
        f"""
What to look at next
  dags/sync_shipments.py       the pipeline, one screen
  include/sql/erp/             what you edit for your own ERP
  docs/install.md              running it in your Airflow; docs/connections.md: the connections
  docs/runbook.md              what to do when a run is red
  make up                      the same in Airflow's UI
  {f"{_short(folder)}/erp.db":<29}the ERP (SQLite): status, signed_at, latest_trace of erp_order
  schema analytics of this demo's warehouse (erp_writebacks: what was written; notifications: who
  was told; stalls: what is stalled):
                               {look}"""
    )


def _short(folder: Path) -> Path:
    folder = folder.resolve()
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
