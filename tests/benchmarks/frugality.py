"""How many calls a table of polling costs, and how late it lets signs be seen."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from sandbox.airflow_home import OWNER
from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.erp import DemoErp
from sandbox.server import Sandbox
from sandbox.stories import STORIES
from sandbox.world import Order, World, order_truth
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.platforms.ports import PlatformClient
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import (
    create_tables,
    extract_orders,
    fetch_waybills,
    gather_traces,
    load_traces,
    mark_signed,
)
from shipment_tracking.warehouse.lanes import LaneContext
from shipment_tracking.warehouse.polling import PLACE

from .figures import Figure
from .stage import UNLIMITED, Theatre, account_of, opened

PURCHASES, SHOP = "platform_1688", "platform_taobao"
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
CYCLE = timedelta(minutes=30)
NEVER = timedelta(days=365)
THREE_DAYS = 144
EVERY_RUN = "stage,quiet_hours,minutes\nany,0,0\n"
LIVES: dict[str, dict[str, Any]] = {
    "1688, every run, three days": {"table": EVERY_RUN, "cycles": THREE_DAYS},
    "1688, every run": {"table": EVERY_RUN},
    "1688, every run, confirmed at once": {"table": EVERY_RUN, "confirmed_after": timedelta()},
    "1688, every run, confirmed after an hour": {"table": EVERY_RUN, "confirmed_after": HOUR},
    "1688, every run, never confirmed": {
        "table": EVERY_RUN,
        "confirmed_after": NEVER,
        "cycles": 96,
    },
    "1688, adaptive": {},
    "1688, feed of orders": {"feed": "orders"},
    "Taobao, every run": {"account": SHOP, "table": EVERY_RUN},
    "Taobao, adaptive": {"account": SHOP},
    "Taobao, feed of messages": {"account": SHOP, "feed": "messages"},
    "Taobao, half of the messages lost": {"account": SHOP, "feed": "messages", "steal_every": 2},
}
ODD = {
    "blank_remark",
    "earlier_life",
    "early_signature",
    "mistyped_number",
    "nan_reply",
    "no_trace_known",
    "number_given_up",
    "refused_signature",
    "renamed_status",
    "reused_number",
    "sign_replaced",
    "sign_taken_back",
    "step_masked_later",
    "step_replaced",
    "step_without_time",
    "steps_dropped",
    "stray_scan",
}
MOST_CALLS = 0.50
MOST_CALLS_WITH_MESSAGES = 0.35
MOST_DELAY = {"sign_delay_p50": 16, "sign_delay_p95": 31}
"""Minutes, polled in every run, from the platform's proof until the ERP holds the signature."""
MOST_ADAPTIVE_DELAY = 60
MOST_CALLS_OF_A_LIFE = 1.03
"""In every run: of three days, for in one day the first questions weigh more than in a life."""
SLOW_PACE = timedelta(hours=13)
"""By then all is known that a feed should have reported: polled twice a day, and a little late."""
_UNSIGNED = (
    "select distinct order_id from tracking.erp_row"
    " where order_id is not null and closed_at is null and signed_at is null"
)
_OPEN = (
    "select tracked_order.platform_order_id"
    " from tracking.tracked_order join tracking.erp_row using (order_id)"
    " where erp_row.closed_at is null and erp_row.signed_at is null"
)
_OUT = (
    "select distinct order_id from tracking.tracked_order"
    " join tracking.order_shipment using (order_id) join tracking.shipment using (shipment_id)"
    " where superseded_at is null and shipment.status = 'out_for_delivery'"
)
_SCANS = """
    select platform_order_id || to_char(occurred_at at time zone 'utc', ' YYYY-MM-DD HH24:MI:SS')
    from analytics.trace_events
"""
_MISSED = "select coalesce(sum(missed), 0) from tracking.feed"
_SIGNED = "select distinct platform_order_id from tracking.erp_writeback where outcome = 'signed'"


@dataclass
class Tally:
    """What is counted from cycle to cycle; ``delays`` in minutes."""

    calls: int = 0
    unsigned: int = 0
    out_for_delivery: int = 0
    out_for_delivery_missed: int = 0
    delays: list[float] = field(default_factory=list)


def run(theatre: Theatre) -> list[Figure]:
    """A day of 200 orders, polled in every run, by the project's own table, and with a feed."""
    figures: list[Figure] = []
    for name, how in LIVES.items():
        folder = theatre.folder / f"frugality_{len(figures)}"
        folder.mkdir()
        found = frugality(theatre.database(), folder, **how)
        limits = _limits(how)
        told: list[tuple[str, str, str, float | None]] = [
            ("calls an unsigned order and run", "calls_per_unsigned_order_and_cycle", "", None),
            ("signed at the ERP after, median", "sign_delay_p50", "min", None),
            ("signed at the ERP after, 95th percentile", "sign_delay_p95", "min", None),
            ("polls missed while out for delivery", "out_for_delivery_missed", "", 0),
        ]
        if "feed" in how:
            told += [
                ("changes that the feed missed", "missed", "", None),
                (f"scans unknown after {SLOW_PACE / HOUR:.0f} h", "unknown", "", 0),
            ]
        figures += [
            Figure(
                "frugality",
                f"{name}: {what}",
                found[number],
                unit,
                target=limits.get(number, target),
            )
            for what, number, unit, target in told
        ]
    return figures


def usual_stories() -> dict[str, int]:
    """
    The weights of the stories without those of replies that lie, change or cannot be read.

    No feed reports an edited step, and what cannot be read is never known.
    """
    return {name: story.weight for name, story in STORIES.items() if name not in ODD}


def _limits(how: Mapping[str, Any]) -> dict[str, float]:
    """The most that a life may show, by the names of ``frugality``."""
    calls = "calls_per_unsigned_order_and_cycle"
    if how.get("confirmed_after") == timedelta():
        return MOST_DELAY
    if "table" in how:
        return {calls: MOST_CALLS_OF_A_LIFE} if how.get("cycles") == THREE_DAYS else {}
    if "steal_every" in how:
        return {}
    most = MOST_CALLS_WITH_MESSAGES if how.get("feed") == "messages" else MOST_CALLS
    return {calls: most, "sign_delay_p95": MOST_ADAPTIVE_DELAY}


def frugality(
    warehouse: Engine,
    folder: Path,
    *,
    account: str = PURCHASES,
    table: str | None = None,
    feed: str = "",
    steal_every: int = 0,
    orders: int = 200,
    cycles: int = 48,
    seed: int = 1,
    confirmed_after: timedelta | None = None,
) -> dict[str, float]:
    """
    Live through half hours of a seeded world with the real steps, and count.

    :param warehouse: an empty database.
    :param folder: an empty folder for the ERP and the owner's files.
    :param table: of polling, as its file holds it; the project's own when left out.
    :param feed: what the account's connection reads.
    :param confirmed_after: the signature's step, the platform's own status follows; ``NEVER``: the
        delays are counted from when the last signature was shown.
    :param steal_every: before each cycle whose number it divides, another program consumes what
        waits in the app's queue of messages; 0 is never.
    :returns: ``calls_per_unsigned_order_and_cycle``; ``sign_delay_p50`` and ``sign_delay_p95``,
        minutes from when the platform proved an order's signature until the ERP held it;
        ``signed``, how many that were; ``out_for_delivery`` and ``out_for_delivery_missed``,
        orders with a parcel known to be out for delivery, summed over the cycles, and how often
        one of them was not polled; ``missed``, changes that were found and not reported by the
        feed; ``unknown``, scans of open orders that nobody knows though they are older than the
        ``SLOW_PACE``.
    """
    world = World(
        seed, START, {account: orders}, stories=usual_stories(), confirmed_after=confirmed_after
    )
    clock = Clock.standing(START)
    demo_erp = DemoErp(create_engine(f"sqlite:///{folder / 'erp.db'}", poolclass=NullPool))
    demo_erp.create()
    erp = SqlErp(demo_erp.engine, ZoneInfo("Asia/Shanghai"))
    create_tables.run(warehouse)
    proved = _proofs(world, START + cycles * CYCLE, by_text=confirmed_after == NEVER)
    tally = Tally()
    with (
        _owners(folder / "include", table),
        Sandbox(world, clock, apps_for([account], None), token_hours=None) as sandbox,
        opened(
            warehouse,
            replace(account_of(sandbox.connection(account), account, UNLIMITED), feed=feed),
        ) as platform,
    ):
        for number in range(cycles):
            now = clock.now()
            if steal_every and number % steal_every == 0:
                sandbox.lose_messages(account)
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
        "missed": float(str(_column(warehouse, _MISSED).pop())),
        "unknown": len(_scans(world, _column(warehouse, _OPEN), now) - _column(warehouse, _SCANS)),
    }


def _cycle(
    erp: SqlErp,
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
        erp, warehouse, run, knows_account=lambda name: name == platform.account.conn_id, now=now
    )
    tally.unsigned += len(_column(warehouse, _UNSIGNED))
    out = _column(warehouse, _OUT) & _column(warehouse, _UNSIGNED)
    if accounts:
        for step in (fetch_waybills.run, gather_traces.run):
            budget = timedelta(minutes=5)
            step(LaneContext(warehouse, platform, run, run_id, budget, clock.now))
    load_traces.run(warehouse, run, now=now)
    mark_signed.run(warehouse, erp, run, now=now)
    return out


def _proofs(world: World, until: datetime, *, by_text: bool) -> dict[str, datetime]:
    """
    When the platform first proved each order's signature, by its id.

    :param by_text: when it was first shown instead.
    """
    found: dict[str, datetime] = {}
    for order in world.orders():
        first = next((at for at in _moments(order) if _is_proved(order, at, by_text)), None)
        if first is not None and first <= until:
            found[order.order_id] = first
    return found


def _is_proved(order: Order, at: datetime, by_text: bool) -> bool:
    truth = order_truth(order, at)
    shown = [parcel.signed_at for parcel in truth.parcels if parcel.status != "cancelled"]
    return truth.signed or (by_text and bool(shown) and all(shown))


def _moments(order: Order) -> list[datetime]:
    """When something was published that may sign the order."""
    moments = [at for parcel in order.parcels for at, _ in parcel.statuses]
    moments += [step.published_at for parcel in order.parcels for step in parcel.steps]
    moments += [at for at in order.lines_shipped if at]
    return sorted(at for at in moments if at >= order.shipped_at)


def _scans(world: World, orders: set[object], now: datetime) -> set[object]:
    """What the platform showed of the orders one slow pace ago."""
    return {
        f"{order.order_id} {step.occurred_at.astimezone(UTC):%F %T}"
        for order in world.orders()
        if order.order_id in orders and not order.refusal
        for parcel in order.listed(now - SLOW_PACE)
        for step in parcel.shown(now - SLOW_PACE)
    }


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
