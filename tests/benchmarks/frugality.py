"""How many calls a table of polling costs, and how late it lets signs be seen."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from sandbox.airflow_home import OWNER
from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.erp import DemoErp
from sandbox.server import Sandbox
from sandbox.world import Order, World, order_truth
from shipment_tracking.erp.database import ErpDatabase
from shipment_tracking.erp.sql import SqlWriter
from shipment_tracking.models import Run
from shipment_tracking.platforms.client import PlatformClient
from shipment_tracking.polling import PLACE
from shipment_tracking.sql import OWNER_FOLDER
from shipment_tracking.steps import (
    create_tables,
    extract_orders,
    fetch_waybills,
    gather_traces,
    load_traces,
    mark_signed,
)

from .figures import Figure
from .stage import UNLIMITED, Theatre, account_of, opened

ACCOUNT = "platform_1688"
START = datetime(2026, 3, 2, tzinfo=UTC)
CYCLE = timedelta(minutes=30)
EVERY_RUN = "stage,quiet_hours,minutes\nany,0,0\n"
_UNSIGNED = (
    "select distinct order_id from tracking.erp_row"
    " where order_id is not null and closed_at is null and signed_at is null"
)
_OUT = (
    "select distinct order_id from tracking.tracked_order"
    " join tracking.order_shipment using (order_id) join tracking.shipment using (shipment_id)"
    " where superseded_at is null and shipment.status = 'out_for_delivery'"
)
_SIGNED = "select distinct platform_order_id from tracking.erp_row where signed_at is not null"


@dataclass
class Tally:
    """What is counted from cycle to cycle; ``delays`` in minutes."""

    calls: int = 0
    unsigned: int = 0
    out_for_delivery: int = 0
    out_for_delivery_missed: int = 0
    delays: list[float] = field(default_factory=list)


def run(theatre: Theatre) -> list[Figure]:
    """A day of 200 orders, polled in every run and by the project's own table."""
    figures: list[Figure] = []
    for name, table, most in (("every run", EVERY_RUN, None), ("adaptive", None, 0.55)):
        folder = theatre.folder / f"frugality_{len(figures)}"
        folder.mkdir()
        found = frugality(theatre.database(), folder, table=table)
        for what, number, unit, target in (
            ("calls an unsigned order and run", "calls_per_unsigned_order_and_cycle", "", most),
            ("sign known after, median", "sign_delay_p50", "min", None),
            ("sign known after, 95th percentile", "sign_delay_p95", "min", None),
            ("polls missed while out for delivery", "out_for_delivery_missed", "", 0),
        ):
            figures.append(
                Figure("frugality", f"{name}: {what}", found[number], unit, target=target)
            )
    return figures


def frugality(
    warehouse: Engine,
    folder: Path,
    *,
    table: str | None = None,
    orders: int = 200,
    cycles: int = 48,
    seed: int = 1,
) -> dict[str, float]:
    """
    Live through half hours of a seeded world with the real steps, and count.

    :param warehouse: an empty database.
    :param folder: an empty folder for the ERP and the owner's files.
    :param table: of polling, as its file holds it; the project's own when left out.
    :returns: ``calls_per_unsigned_order_and_cycle``; ``sign_delay_p50`` and ``sign_delay_p95``,
        minutes from when the platform proved an order's sign until the warehouse knew it;
        ``signed``, how many that were; ``out_for_delivery`` and ``out_for_delivery_missed``,
        orders with a parcel known to be out for delivery, summed over the cycles, and how often
        one of them was not polled.
    """
    world = World(seed, START, {ACCOUNT: orders})
    clock = Clock.standing(START)
    demo_erp = DemoErp(create_engine(f"sqlite:///{folder / 'erp.db'}", poolclass=NullPool))
    demo_erp.create()
    erp = ErpDatabase(demo_erp.engine, ZoneInfo("Asia/Shanghai"))
    create_tables.run(warehouse)
    proved = _proofs(world, START + cycles * CYCLE)
    tally = Tally()
    with (
        _owners(folder / "include", table),
        Sandbox(world, clock, apps_for([ACCOUNT], None), token_hours=None) as sandbox,
        opened(warehouse, account_of(sandbox.connection(ACCOUNT), ACCOUNT, UNLIMITED)) as platform,
    ):
        for number in range(cycles):
            now = clock.now()
            demo_erp.sync(world, now)
            signed_before = _column(warehouse, _SIGNED)
            out = _cycle(erp, warehouse, platform, clock, f"cycle_{number}", tally)
            tally.out_for_delivery += len(out)
            tally.out_for_delivery_missed += len(out - _polled(warehouse, now))
            for order_id in _column(warehouse, _SIGNED) - signed_before:
                if (at := proved.get(str(order_id))) and at > START:
                    tally.delays.append((now - at) / timedelta(minutes=1))
            clock.advance(minutes=CYCLE / timedelta(minutes=1))
        tally.calls = len(sandbox.calls)
    percentiles = quantiles(tally.delays, n=20) if len(tally.delays) > 1 else [0.0] * 19
    return {
        "calls_per_unsigned_order_and_cycle": tally.calls / max(1, tally.unsigned),
        "sign_delay_p50": percentiles[9],
        "sign_delay_p95": percentiles[18],
        "signed": len(tally.delays),
        "out_for_delivery": tally.out_for_delivery,
        "out_for_delivery_missed": tally.out_for_delivery_missed,
    }


def _cycle(
    erp: ErpDatabase,
    warehouse: Engine,
    platform: PlatformClient,
    clock: Clock,
    run_id: str,
    tally: Tally,
) -> set[object]:
    """One run of the pipeline; returns the orders that were known to be out for delivery."""
    now = clock.now()
    run = Run(run_id, "scheduled", now)
    accounts = extract_orders.run(
        erp, warehouse, run, knows_account=lambda account: account == ACCOUNT, now=now
    )
    tally.unsigned += len(_column(warehouse, _UNSIGNED))
    out = _column(warehouse, _OUT) & _column(warehouse, _UNSIGNED)
    if accounts:
        for step in (fetch_waybills.run, gather_traces.run):
            step(
                warehouse,
                platform,
                run,
                owner=run_id,
                budget=timedelta(minutes=5),
                clock=clock.now,
            )
    load_traces.run(warehouse, run, now=now)
    mark_signed.run(warehouse, SqlWriter(erp), run, now=now)
    return out


def _proofs(world: World, until: datetime) -> dict[str, datetime]:
    """When the platform first proved each order's sign, by its id."""
    found: dict[str, datetime] = {}
    for order in world.orders():
        first = next((at for at in _moments(order) if order_truth(order, at).signed), None)
        if first is not None and first <= until:
            found[order.order_id] = first
    return found


def _moments(order: Order) -> list[datetime]:
    """When something was published that may sign the order."""
    moments = [at for parcel in order.parcels for at, _ in parcel.statuses]
    moments += [step.published_at for parcel in order.parcels for step in parcel.steps]
    moments += [at for at in order.lines_shipped if at]
    return sorted(at for at in moments if at >= order.shipped_at)


def _polled(warehouse: Engine, now: datetime) -> set[object]:
    return _column(
        warehouse,
        "select order_id from tracking.tracked_order where last_polled_at >= :now",
        now=now,
    )


def _column(warehouse: Engine, query: str, **binds: object) -> set[object]:
    with warehouse.connect() as connection:
        return set(connection.execute(text(query), binds).scalars())


@contextmanager
def _owners(folder: Path, table: str | None) -> Iterator[None]:
    """The files of the demo ERP's owner, with a table of polling of his own."""
    shutil.copytree(OWNER, folder)
    if table is not None:
        (folder / PLACE).write_text(table, encoding="utf-8")
    before = os.environ.get(OWNER_FOLDER)
    os.environ[OWNER_FOLDER] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[OWNER_FOLDER]
        else:
            os.environ[OWNER_FOLDER] = before
