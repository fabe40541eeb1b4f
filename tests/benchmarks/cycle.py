"""A half hour's work on many orders: all new, a fifth moved, nothing new; beside the plain loop."""

import time
from datetime import datetime, timedelta

from shipment_tracking.platforms.ports import PlatformClient

from .figures import Figure, of_runs
from .loop import follow
from .stage import NOW, Stage, Theatre, opened

REPLY_MS = 50
HALF_HOUR = timedelta(minutes=30)
ROUTER = "platform_router"
LOOPED = 40
"""Orders that the plain loop is timed on: each takes it as long, however many there are."""


def run(theatre: Theatre, *, sizes: dict[int, int] | None = None) -> list[Figure]:
    """Each size in so many runs, every one on a world that nobody has read yet."""
    figures: list[Figure] = []
    for orders, runs in (sizes or {1_000: 3, 10_000: 1}).items():
        passes = [_live(theatre, orders) for _ in range(runs)]
        for name in passes[0]:
            seconds = [each[name] for each in passes]
            is_target = orders == 1_000 and name == "all new"
            figures.append(
                of_runs(
                    "cycle",
                    f"{orders:,} orders, {name}: gather + load",
                    seconds,
                    "s",
                    target=5 if is_target else None,
                )
            )
    figures.append(_beside_the_loop(theatre))
    return figures


def _live(theatre: Theatre, orders: int) -> dict[str, float]:
    """Seconds of gathering and loading, pass by pass."""
    with theatre.stage(orders, usual_ms=REPLY_MS) as stage:
        stage.extract()
        with opened(stage.warehouse, stage.account()) as client:
            stage.fetch(client)
            found = {"all new": _pass(stage, client)}
            stage.now += HALF_HOUR
            found["nothing new"] = _pass(stage, client)
            stage.now = _when_a_fifth_moved(stage)
            stage.platform.move_to(stage.now)
            found["a fifth moved"] = _pass(stage, client)
            return found


def _pass(stage: Stage, client: PlatformClient) -> float:
    began = time.monotonic()
    stage.gather(client)
    stage.load()
    return time.monotonic() - began


def _when_a_fifth_moved(stage: Stage) -> datetime:
    """When the platform first knows something new of a fifth of the orders."""
    before, at = _scans(stage, NOW), stage.now
    while True:
        after = _scans(stage, at)
        if sum(after[order] > before[order] for order in before) * 5 >= len(before):
            return at
        at += HALF_HOUR


def _scans(stage: Stage, at: datetime) -> dict[str, int]:
    """How many scans the platform shows of each order."""
    return {
        order.order_id: sum(len(parcel.shown(at)) for parcel in order.listed(at))
        for order in stage.world.orders()
    }


def _beside_the_loop(theatre: Theatre) -> Figure:
    """Time an order, ours beside the loop's."""
    with theatre.stage(LOOPED, usual_ms=REPLY_MS, account=ROUTER) as stage:
        orders = [order.order_id for order in stage.world.orders() if order.shipped_at <= stage.now]
        began = time.monotonic()
        follow(stage.account(), orders)
        looped = (time.monotonic() - began) / len(orders)
        stage.extract()
        began = time.monotonic()
        with opened(stage.warehouse, stage.account()) as client:
            stage.fetch(client)
            _pass(stage, client)
        ours = (time.monotonic() - began) / len(orders)
    return Figure(
        "cycle",
        "an order by the MD5 router, parcels and traces",
        ours * 1000,
        "ms",
        beside=looped * 1000,
        beside_name="the loop that its authors show",
        target=1,
    )
