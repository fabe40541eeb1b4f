"""Loads gathered replies: each scan once, with the status changes and notices it leads to."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from shipment_tracking.domain import calendars
from shipment_tracking.domain.evidence import FURTHEST_EAST
from shipment_tracking.domain.models import Run
from shipment_tracking.errors import ReplyError
from shipment_tracking.platforms.dialects import READERS
from shipment_tracking.platforms.ports import TraceReader
from shipment_tracking.statements import query
from shipment_tracking.warehouse import eta, evaluation, loading, runs
from shipment_tracking.warehouse.replies import StoredReply, done, waiting

log = logging.getLogger(__name__)

CHUNK = 500
TRIES = 3

UNLOADABLE = (ReplyError, DataError, IntegrityError, ProgrammingError, psycopg.DataError)


def run(
    warehouse: Engine,
    this_run: Run,
    *,
    now: datetime,
    readers: Mapping[str, TraceReader] = READERS,
    chunk: int = CHUNK,
) -> dict[str, int]:
    """
    Load every waiting reply and judge every parcel with new evidence, a chunk a transaction.

    Killed at any point and run again, it takes up just the rest. A reply that cannot be loaded is
    quarantined after three tries and stops nobody; its order's ``last_error`` tells. At the end
    parcels on their way are estimated anew, so that the notices and the ERP have it.

    :param readers: by dialect, what reads a stored reply.
    :returns: ``events_new, events_duplicate, changes, signed, unreadable, rejected``.
    :raises CalendarTableError: the calendar is wrong; everything was loaded, nothing estimated.
    """
    total: Counter[str] = Counter()
    after = 0
    while replies := _load_next(warehouse, this_run, readers, after, chunk, now, total):
        after = replies[-1]
    after = 0
    while after := _settle_next(warehouse, this_run, after, chunk, now, total):
        continue
    numbers = {
        name: total[name] for name in ("events_new", "events_duplicate", "changes", "signed")
    }
    with warehouse.begin() as connection:
        runs.add(connection, this_run, now=now, **numbers)
    eta.refresh(warehouse, this_run, calendars.load(), now=now)
    return {**numbers, "unreadable": total["unreadable"], "rejected": total["rejected"]}


def _load_next(
    warehouse: Engine,
    this_run: Run,
    readers: Mapping[str, TraceReader],
    after: int,
    most: int,
    now: datetime,
    total: Counter[str],
) -> list[int]:
    """Load the next replies; returns their ids, none when nothing is waiting."""
    ids: list[int] = []
    try:
        with warehouse.begin() as connection:
            replies = waiting(connection, after=after, most=most)
            ids = [reply.reply_id for reply in replies]
            numbers = _load(connection, this_run, readers, replies, now) if replies else {}
    except UNLOADABLE as error:
        if len(ids) == 1:
            _set_aside(warehouse, ids[0], error, now)
            total["unreadable"] += 1
        else:
            # One of them is bad: each half on its own, until it is found and the others are loaded.
            half = len(ids) // 2
            for part in (ids[:half], ids[half:]):
                _load_next(warehouse, this_run, readers, part[0] - 1, len(part), now, total)
        return ids
    total.update(numbers)
    return ids


def _load(
    connection: Connection,
    this_run: Run,
    readers: Mapping[str, TraceReader],
    replies: Sequence[StoredReply],
    now: datetime,
) -> Counter[str]:
    traces = [(reply, trace) for reply in replies for trace in loading.read(readers, reply)]
    loading.lock(connection, {reply.order_id for reply in replies})
    numbers = loading.load(connection, this_run, traces, now)
    done(connection, replies, now)
    return numbers


def _settle_next(
    warehouse: Engine, this_run: Run, after: int, most: int, now: datetime, total: Counter[str]
) -> int:
    """Judge the next parcels that wait without a reply; returns the last one's id, 0 for none."""
    with warehouse.begin() as connection:
        connection.execute(query("erp_rows.lock"))
        waiting = connection.execute(
            query("load_traces.unsettled"),
            {"after": after, "most": most, "now": now, "furthest_east": FURTHEST_EAST},
        ).scalars()
        shipments = list(waiting)
        if not shipments:
            return 0
        orders = connection.execute(
            query("load_traces.orders_of"), {"shipments": shipments}
        ).scalars()
        connection.execute(query("load_traces.lock_orders"), {"orders": list(orders)})
        trails = evaluation.read_trails(connection, shipments, {}, now)
        evaluation.update_events(connection, trails.values())
        numbers = loading.settle(connection, this_run, trails, dict.fromkeys(trails), now)
    total.update(numbers)
    return shipments[-1]


def _set_aside(warehouse: Engine, reply_id: int, error: Exception, now: datetime) -> None:
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    log.warning("reply %d cannot be loaded: %s", reply_id, reason)
    with warehouse.begin() as connection:
        connection.execute(
            query("load_traces.quarantine"),
            {"reply_id": reply_id, "error": reason, "tries": TRIES, "now": now},
        )
