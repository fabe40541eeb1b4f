"""Loads gathered replies: each scan once, with the status changes and notices it leads to."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from shipment_tracking.domain.evidence import FURTHEST_EAST, Reply, Scan, is_future_dated
from shipment_tracking.domain.masking import HASH_VERSION, event_hash
from shipment_tracking.domain.models import ParcelTrace, Run, TraceEvent
from shipment_tracking.errors import ReplyError
from shipment_tracking.platforms.dialects import READERS
from shipment_tracking.platforms.ports import TraceReader
from shipment_tracking.statements import query
from shipment_tracking.warehouse import evaluation, parcels, rejections, runs
from shipment_tracking.warehouse.replies import StoredReply, waiting
from shipment_tracking.warehouse.rows import JsonRows

log = logging.getLogger(__name__)

CHUNK = 500
TRIES = 3

UNLOADABLE = (ReplyError, DataError, IntegrityError, ProgrammingError, psycopg.DataError)


@dataclass(frozen=True, slots=True)
class HeldRow:
    """Which reply is the newest of a parcel."""

    shipment_id: int
    trace_fetched_at: datetime
    trace_since: datetime | None
    trace_waybill_no: str | None


HELD = JsonRows(HeldRow, "held", "load_traces.touch")

_EventKey = tuple[int, datetime, int]


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
    quarantined after three tries and stops nobody; its order's ``last_error`` tells.

    :param readers: by dialect, what reads a stored reply.
    :returns: ``events_new, events_duplicate, changes, signed, unreadable, rejected``.
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
            # One of them is bad: each on its own, so that it is found and the others are loaded.
            for reply_id in ids:
                _load_next(warehouse, this_run, readers, reply_id - 1, 1, now, total)
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
    traces = [(reply, trace) for reply in replies for trace in _read(readers, reply)]
    connection.execute(query("erp_rows.lock"))
    connection.execute(
        query("load_traces.lock_orders"),
        {"orders": sorted({reply.order_id for reply in replies})},
    )
    traces = parcels.of_this_life(connection, traces)
    ids = parcels.keep(connection, [parcels.row_of(*each) for each in traces])
    rejected = rejections.keep(connection, traces, ids)
    listed: dict[int, list[Reply]] = defaultdict(list)
    incoming: dict[_EventKey, tuple[TraceEvent, datetime]] = {}
    announced: dict[_EventKey, bool] = {}
    speaks: dict[int, bool] = {}
    read = 0
    for reply, trace in traces:
        shipment_id = ids[reply.order_id, trace.consignment_id]
        listed[shipment_id].append(_as_evidence(reply, trace))
        speaks[shipment_id] = speaks.get(shipment_id, False) or reply.announce
        for event in trace.events:
            key = (shipment_id, event.occurred_at or reply.fetched_at, event.event_hash)
            incoming.setdefault(key, (event, reply.fetched_at))
            announced[key] = announced.get(key, False) or reply.announce
            read += 1
    trails = evaluation.read_trails(connection, sorted(listed), listed, now)
    new = {
        (shipment_id, *scan.key): (trail, scan)
        for shipment_id, trail in trails.items()
        for scan in trail.new
    }
    _insert_events(
        connection,
        [_event_row(trail, scan, *incoming[key]) for key, (trail, scan) in new.items()],
    )
    evaluation.update_events(connection, trails.values())
    announce = {
        shipment_id: speaks[shipment_id] for shipment_id, trail in trails.items() if trail.changed
    } | {shipment_id: False for shipment_id, _, _ in new}
    for key in new:
        announce[key[0]] |= announced[key]
    numbers = _settle(
        connection, this_run, {number: trails[number] for number in announce}, announce, now
    )
    _touch(connection, [trail for number, trail in trails.items() if number not in announce])
    connection.execute(
        query("load_traces.done"),
        {"replies": [reply.reply_id for reply in replies], "now": now},
    )
    events = Counter(events_new=len(new), events_duplicate=read - len(new), rejected=rejected)
    return numbers + events


def _read(readers: Mapping[str, TraceReader], reply: StoredReply) -> list[ParcelTrace]:
    reader = readers.get(reply.dialect)
    if reader is None:
        raise ReplyError(f"no dialect {reply.dialect} is known")
    return reader(reply.body)


def _as_evidence(reply: StoredReply, trace: ParcelTrace) -> Reply:
    return Reply(
        fetched_at=reply.fetched_at,
        scans=tuple(
            Scan(
                occurred_at=event.occurred_at or reply.fetched_at,
                position=event.position,
                status=str(event.status),
                sign_kind=event.sign_kind,
                event_hash=event.event_hash,
                is_new=True,
                action=event.action,
                decided_by=event.decided_by,
                future_dated=event.occurred_at is not None
                and is_future_dated(event.occurred_at, reply.fetched_at, reply.fetched_at),
            )
            for event in trace.events
        ),
        rejected=frozenset(event_hash(step.description) for step in trace.rejected),
        is_snapshot=any(event.occurred_at is None for event in trace.events),
        waybill_no=trace.waybill_no,
    )


def _event_row(
    trail: evaluation.Trail, scan: Scan, event: TraceEvent, fetched_at: datetime
) -> tuple[Any, ...]:
    return (
        trail.shipment.shipment_id,
        scan.occurred_at,
        scan.event_hash,
        HASH_VERSION,
        scan.position,
        scan.future_dated,
        trail.is_earlier(scan),
        scan.withdrawn_at,
        scan.status,
        scan.sign_kind,
        event.description,
        event.city,
        scan.action,
        scan.decided_by,
        fetched_at,
    )


def _insert_events(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    connection.execute(query("load_traces.stage"))
    driver = connection.connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(str(query("load_traces.copy"))) as copy,
    ):
        for row in rows:
            copy.write_row(row)
    connection.execute(query("load_traces.insert"))


def _touch(connection: Connection, trails: Sequence[evaluation.Trail]) -> None:
    """Keep which reply is the newest of parcels that it says nothing new of."""
    held = [
        HeldRow(
            trail.shipment.shipment_id,
            trail.held.fetched_at,
            trail.held.since,
            trail.held.waybill_no,
        )
        for trail in trails
        if trail.held and trail.held.fetched_at != trail.shipment.trace_fetched_at
    ]
    if held:
        connection.execute(query("load_traces.touch"), HELD(held))


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
        numbers = _settle(connection, this_run, trails, dict.fromkeys(trails), now)
    total.update(numbers)
    return shipments[-1]


def _settle(
    connection: Connection,
    this_run: Run,
    trails: Mapping[int, evaluation.Trail],
    announce: Mapping[int, bool | None],
    now: datetime,
) -> Counter[str]:
    """Judge the parcels, then their orders, by all that is known."""
    if not trails:
        return Counter()
    changes = evaluation.judge_parcels(connection, this_run, trails, announce, now)
    orders = connection.execute(
        query("load_traces.orders_of"), {"shipments": sorted(trails)}
    ).scalars()
    return Counter(changes=changes, signed=evaluation.judge_orders(connection, list(orders), now))


def _set_aside(warehouse: Engine, reply_id: int, error: Exception, now: datetime) -> None:
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    log.warning("reply %d cannot be loaded: %s", reply_id, reason)
    with warehouse.begin() as connection:
        connection.execute(
            query("load_traces.quarantine"),
            {"reply_id": reply_id, "error": reason, "tries": TRIES, "now": now},
        )
