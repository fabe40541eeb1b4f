"""How much of the allowed calls is used, and whether the platform ever counts one too many."""

import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import cycle

from sqlalchemy import URL, create_engine
from sqlalchemy.pool import NullPool

from sandbox.world import World
from shipment_tracking.platforms.ports import THREADS, Account

from .figures import Figure
from .stage import ACCOUNT, START, Platform, Theatre, account_of, opened

QPS = 20.0
SECONDS = 10.0
WARM_UP = 1.5
ORDERS = 50
CEILING = 1 / 1.04
"""The share that slots 1.04/qps apart allow at all."""
REPLIES = {"replies of 300 ms": (300, 0, 0), "30 % of replies take 1 s": (50, 1000, 0.3)}


def run(theatre: Theatre, *, seconds: float = SECONDS) -> list[Figure]:
    """One, two and four processes of 16 threads each, with more work than the quota allows."""
    orders = [
        each.order_id for each in World(1, START, {ACCOUNT: ORDERS}).orders() if not each.refusal
    ]
    figures: list[Figure] = []
    for name, latency in REPLIES.items():
        for processes in (1, 2, 4):
            warehouse = theatre.warehouse()
            platform = Platform(ORDERS, qps=QPS)
            platform.answers_in(*latency)
            account = account_of(platform.connections[ACCOUNT], ACCOUNT, QPS)
            try:
                with ProcessPoolExecutor(processes) as pool:
                    work = [
                        pool.submit(_call_for, seconds, warehouse.url, account, orders)
                        for _ in range(processes)
                    ]
                    calls, spent = map(sum, zip(*(each.result() for each in work), strict=True))
                usage = platform.usage()
            finally:
                platform.stop()
            who = f"{processes} process{'es' if processes > 1 else ''}, {name}"
            (most,) = usage["most_in_any_second"].values()
            (refused,) = usage["refused_by_quota"].values()
            figures += [
                Figure(
                    "quota",
                    f"calls a second: {who}",
                    calls / seconds,
                    "calls/s",
                    beside=QPS,
                    beside_name="allowed",
                    target=0.94,
                    at_least=True,
                    note=f"ceiling {CEILING:.3f}; the platform refused {refused}",
                ),
                Figure("quota", f"most in any second: {who}", most, "calls", target=QPS),
                Figure("quota", f"processor time a call: {who}", spent / calls * 1000, "ms"),
            ]
    return figures


def _call_for(seconds: float, url: URL, account: Account, orders: list[str]) -> tuple[int, float]:
    """How many calls were answered in so many seconds, and the processor time they took."""
    warehouse = create_engine(url, poolclass=NullPool, connect_args={"prepare_threshold": None})
    begin = time.monotonic() + WARM_UP
    end = begin + seconds

    with opened(warehouse, account) as client, ThreadPoolExecutor(THREADS) as pool:

        def call() -> int:
            answered = 0
            for order_id in cycle(orders):
                if time.monotonic() >= end:
                    break
                client.fetch_traces(order_id)
                answered += begin <= time.monotonic() < end
            return answered

        began = time.process_time()
        answered = sum(pool.map(lambda _: call(), range(THREADS)))
        return answered, time.process_time() - began
