"""Loads gathered replies: each scan once, with the status changes and notices it leads to."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine

from shipment_tracking.domain import calendars
from shipment_tracking.domain.models import Run
from shipment_tracking.errors import ReplyError
from shipment_tracking.platforms.dialects import READERS
from shipment_tracking.platforms.ports import TraceReader
from shipment_tracking.warehouse import eta, loading, replies, runs
from shipment_tracking.warehouse.replies import StoredReply
from shipment_tracking.warehouse.rows import UNSTORABLE, said_by

log = logging.getLogger(__name__)

CHUNK = 500
UNLOADABLE = (ReplyError, *UNSTORABLE)


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
    while loaded := _load_next(warehouse, this_run, readers, after, chunk, now, total):
        after = loaded[-1]
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
            found = replies.waiting(connection, after=after, most=most)
            ids = [reply.reply_id for reply in found]
            numbers = _load(connection, this_run, readers, found, now) if found else {}
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
    found: Sequence[StoredReply],
    now: datetime,
) -> Counter[str]:
    traces = [(reply, trace) for reply in found for trace in loading.read(readers, reply)]
    loading.lock(connection, {reply.order_id for reply in found})
    numbers = loading.load(connection, this_run, traces, now)
    replies.done(connection, found, now)
    return numbers


def _settle_next(
    warehouse: Engine, this_run: Run, after: int, most: int, now: datetime, total: Counter[str]
) -> int:
    """Judge the next parcels that wait without a reply; returns the last one's id, 0 for none."""
    with warehouse.begin() as connection:
        last, numbers = loading.settle_next(connection, this_run, after=after, most=most, now=now)
    total.update(numbers)
    return last


def _set_aside(warehouse: Engine, reply_id: int, error: Exception, now: datetime) -> None:
    reason = said_by(error)
    log.warning("reply %d cannot be loaded: %s", reply_id, reason)
    with warehouse.begin() as connection:
        replies.set_aside(connection, reply_id, reason, now)
