"""Loads read traces within the caller's transaction: events, changes, notices, orders."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from shipment_tracking.domain.evidence import FURTHEST_EAST, Reply, Scan, is_future_dated
from shipment_tracking.domain.masking import HASH_VERSION, event_hash
from shipment_tracking.domain.models import ParcelTrace, Run, TraceEvent
from shipment_tracking.errors import ReplyError
from shipment_tracking.platforms.ports import TraceReader
from shipment_tracking.statements import query
from shipment_tracking.warehouse import erp_rows, evaluation, parcels, rejections
from shipment_tracking.warehouse.replies import StoredReply
from shipment_tracking.warehouse.rows import JsonRows, copy

Traces = Sequence[tuple[StoredReply, ParcelTrace]]


@dataclass(frozen=True, slots=True)
class HeldRow:
    """Which reply is the newest of a parcel."""

    shipment_id: int
    trace_fetched_at: datetime
    trace_since: datetime | None
    trace_waybill_no: str | None


HELD = JsonRows(HeldRow, "held", "loading.touch")

_EventKey = tuple[int, datetime, int]


@dataclass(slots=True)
class _Incoming:
    """
    What replies hold, by parcel and by event.

    :param events: each with when it was fetched; of several alike the first.
    :param announced: whether a reply with the event is announced.
    :param speaks: whether a reply on the parcel is announced.
    """

    replies: dict[int, list[Reply]] = field(default_factory=lambda: defaultdict(list))
    events: dict[_EventKey, tuple[TraceEvent, datetime]] = field(default_factory=dict)
    announced: dict[_EventKey, bool] = field(default_factory=dict)
    speaks: dict[int, bool] = field(default_factory=dict)
    read: int = 0


def read(readers: Mapping[str, TraceReader], reply: StoredReply) -> list[ParcelTrace]:
    """
    What a reply says of each of its parcels, by the rules of today.

    :param readers: by dialect.
    :raises ReplyError: it cannot be read.
    """
    reader = readers.get(reply.dialect)
    if reader is None:
        raise ReplyError(f"no dialect {reply.dialect} is known")
    return reader(reply.body)


def lock(connection: Connection, orders: Collection[int]) -> None:
    """Keep the orders, and those that share a parcel with them, for this transaction alone."""
    erp_rows.lock(connection)
    connection.execute(query("loading.lock_orders"), {"orders": sorted(orders)})


def load(connection: Connection, this_run: Run, traces: Traces, now: datetime) -> Counter[str]:
    """
    Store what the traces say that is new, and judge the parcels and orders it is about.

    :param traces: each with its reply, whose order is locked.
    :returns: ``events_new, events_duplicate, rejected, changes, signed``.
    """
    traces = parcels.of_this_life(connection, traces)
    ids = parcels.keep(connection, [parcels.row_of(*each) for each in traces])
    rejected = rejections.keep(connection, rejections.rows_of(traces, ids))
    incoming = _incoming(traces, ids)
    trails = evaluation.read_trails(connection, sorted(incoming.replies), incoming.replies, now)
    new = _store(connection, trails, incoming)
    announce = {
        shipment_id: incoming.speaks[shipment_id]
        for shipment_id, trail in trails.items()
        if trail.changed
    } | {shipment_id: False for shipment_id, _, _ in new}
    for key in new:
        announce[key[0]] |= incoming.announced[key]
    numbers = settle(
        connection, this_run, {number: trails[number] for number in announce}, announce, now
    )
    _touch(connection, [trail for number, trail in trails.items() if number not in announce])
    events = Counter(
        events_new=len(new), events_duplicate=incoming.read - len(new), rejected=rejected
    )
    return numbers + events


def settle_next(
    connection: Connection, this_run: Run, *, after: int, most: int, now: datetime
) -> tuple[int, Counter[str]]:
    """
    Judge the next parcels that wait to be judged without a reply.

    :param after: a shipment id.
    :returns: the last one's id, 0 when none waits; ``changes, signed``.
    """
    erp_rows.lock(connection)
    binds = {"after": after, "most": most, "now": now, "furthest_east": FURTHEST_EAST}
    shipments = list(connection.scalars(query("loading.unsettled"), binds))
    if not shipments:
        return 0, Counter()
    orders = _orders_of(connection, shipments)
    connection.execute(query("loading.lock_orders"), {"orders": orders})
    trails = evaluation.read_trails(connection, shipments, {}, now)
    evaluation.update_events(connection, trails.values())
    numbers = settle(connection, this_run, trails, dict.fromkeys(trails), now)
    return shipments[-1], numbers


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """
    What reading stored replies again led to.

    :param trails: by shipment id.
    :param added: the events that were not stored before, with their texts.
    :param texts: of the events that the replies hold.
    :param rejected: the steps that the replies hold and no rule reads.
    """

    trails: Mapping[int, evaluation.Trail]
    added: Collection[_EventKey]
    texts: Mapping[_EventKey, str]
    rejected: Sequence[rejections.StepRow]


def load_again(
    connection: Connection,
    this_run: Run,
    traces: Traces,
    orders: Collection[int],
    shipments: Collection[int],
    now: datetime,
    *,
    withheld: str,
) -> ReadAgain:
    """
    Load traces that were loaded before as if they came now, and judge every parcel of the orders.

    Waybill numbers, carriers and lists stay as they were gathered. Nothing is announced.

    :param traces: each with its reply; of other orders only what is about the orders' parcels is
        loaded. The orders are locked.
    :param shipments: the orders' parcels; those that a trace names for the first time are added.
    :param withheld: the reason of suppressed notices.
    """
    traces = parcels.of_this_life(connection, traces)
    rows = [replace(parcels.row_of(*each), replayed=True) for each in traces]
    ids = parcels.keep(connection, rows)
    wanted = {*shipments} | {ids[each] for each in ids if each[0] in orders}
    own = [
        (reply, trace)
        for reply, trace in traces
        if ids[reply.order_id, trace.consignment_id] in wanted
    ]
    rejected = rejections.rows_of([each for each in own if each[0].order_id in orders], ids)
    rejections.keep(connection, rejected)
    incoming = _incoming(own, ids)
    trails = evaluation.read_trails(connection, sorted(wanted), incoming.replies, now, again=True)
    added = _store(connection, trails, incoming)
    settle(connection, this_run, trails, dict.fromkeys(trails, True), now, withheld=withheld)
    texts = {key: event.description for key, (event, _) in incoming.events.items()}
    return ReadAgain(trails, added, texts, rejected)


def settle(
    connection: Connection,
    this_run: Run,
    trails: Mapping[int, evaluation.Trail],
    announce: Mapping[int, bool | None],
    now: datetime,
    *,
    withheld: str = "",
) -> Counter[str]:
    """
    Judge the parcels, then their orders, by all that is known.

    :param announce, withheld: as ``evaluation.judge_parcels`` takes them.
    :returns: ``changes, signed``.
    """
    if not trails:
        return Counter()
    changes = evaluation.judge_parcels(
        connection, this_run, trails, announce, now, withheld=withheld
    )
    orders = _orders_of(connection, sorted(trails))
    return Counter(changes=changes, signed=evaluation.judge_orders(connection, orders, now))


def _orders_of(connection: Connection, shipments: Sequence[int]) -> list[int]:
    return list(connection.scalars(query("loading.orders_of"), {"shipments": shipments}))


def _incoming(traces: Traces, ids: Mapping[tuple[int, str], int]) -> _Incoming:
    found = _Incoming()
    for reply, trace in traces:
        shipment_id = ids[reply.order_id, trace.consignment_id]
        found.replies[shipment_id].append(_as_evidence(reply, trace))
        found.speaks[shipment_id] = found.speaks.get(shipment_id, False) or reply.announce
        for event in trace.events:
            key = (shipment_id, event.occurred_at or reply.fetched_at, event.event_hash)
            found.events.setdefault(key, (event, reply.fetched_at))
            found.announced[key] = found.announced.get(key, False) or reply.announce
            found.read += 1
    return found


def _store(
    connection: Connection, trails: Mapping[int, evaluation.Trail], incoming: _Incoming
) -> list[_EventKey]:
    """Insert what is new and update what is read anew; the keys of what is new."""
    new = {
        (shipment_id, *scan.key): (trail, scan)
        for shipment_id, trail in trails.items()
        for scan in trail.new
    }
    _insert_events(
        connection,
        [_event_row(trail, scan, *incoming.events[key]) for key, (trail, scan) in new.items()],
    )
    evaluation.update_events(connection, trails.values())
    return list(new)


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
                city=event.city,
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
        scan.city,
        scan.action,
        scan.decided_by,
        fetched_at,
    )


def _insert_events(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    connection.execute(query("loading.stage"))
    copy(connection, "loading.copy", rows)
    connection.execute(query("loading.insert"))


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
        connection.execute(query("loading.touch"), HELD(held))
