"""Deletes from the warehouse what nobody needs any more."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Engine

from shipment_tracking.warehouse import pruning
from shipment_tracking.warehouse.pruning import KINDS, Batch

log = logging.getLogger(__name__)

ORDERS = 200
"""Orders of a transaction; they hold about 2,000 events."""
PAGE = 2_000
COUNTS = (
    "replies",
    "notices",
    "orders",
    "parcels",
    "events",
    "changes",
    "runs",
    "acts",
    "tokens",
)


def run(
    warehouse: Engine,
    *,
    keep_days: Mapping[str, int],
    now: datetime,
    budget: timedelta,
    kept_because: str = "",
    clock: Callable[[], float] = time.monotonic,
    orders: int = ORDERS,
    page: int = PAGE,
) -> dict[str, int | str | list[str]]:
    """
    Delete what is older than it is kept, each batch in a transaction of its own.

    Nothing that belongs to an open order is deleted but replies that a newer one has replaced.
    Killed at any point and run again, it takes up just the rest.

    :param keep_days: for each of ``KINDS``; of orders, since they were closed, the parcels go with
        all that is known of them; tokens count from their end.
    :param budget: wall-clock time after which no further batch begins.
    :param kept_because: why nothing is deleted, such as "dry run": every batch is taken back, and
        the counts tell what would be deleted.
    :param clock: seconds of a clock that never goes back.
    :returns: rows by ``COUNTS``: of ``orders`` those whose parcels are gone, of ``replies`` and
        ``notices`` those that went by their own age; ``left_over``, the kinds that the clock cut
        short; ``nothing_deleted``, why, if that is so.
    """
    stop_at = clock() + budget.total_seconds()
    total = Counter(dict.fromkeys(COUNTS, 0))
    left_over: list[str] = []
    for kind in KINDS:
        batch = partial(
            pruning.prune,
            kind=kind,
            before=now - timedelta(days=keep_days[kind]),
            most=orders if kind == "orders" else page,
            now=now,
        )
        if not _prune(warehouse, batch, total, stop_at, clock, undo=bool(kept_because)):
            left_over.append(kind)
    counts = {name: total[name] for name in COUNTS}
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    if left_over:
        log.info("out of time; the next run goes on with %s", ", ".join(left_over))
    if kept_because:
        log.info("%s: nothing was deleted; a run that deletes would delete %s", kept_because, told)
        return {**counts, "left_over": left_over, "nothing_deleted": kept_because}
    log.info("deleted %s", told)
    return {**counts, "left_over": left_over}


def _prune(
    warehouse: Engine,
    batch: Callable[..., Batch],
    total: Counter[str],
    stop_at: float,
    clock: Callable[[], float],
    *,
    undo: bool,
) -> bool:
    """Delete batch after batch; whether the clock left time for all."""
    after: Any = None
    while clock() < stop_at:
        with warehouse.connect() as connection, connection.begin() as transaction:
            deleted = batch(connection, after=after)
            if undo:
                transaction.rollback()
        after = deleted.last
        total.update(deleted.rows)
        if after is None:
            return True
    return False
