"""Loads gathered replies: each scan once, with the status changes and notices it leads to."""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid5

import psycopg
from sqlalchemy import Connection, Engine, Row
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from shipment_tracking import parcels, polling, rejections, runs
from shipment_tracking.domain.evidence import (
    CONFIRM_WITHIN,
    FUTURE_TOLERANCE,
    PlatformWord,
    Scan,
    Verdict,
    judge,
)
from shipment_tracking.domain.masking import HASH_VERSION
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import ReplyError
from shipment_tracking.models import ParcelTrace, Run, TraceEvent
from shipment_tracking.platforms.client import TraceReader
from shipment_tracking.platforms.dialects import READERS
from shipment_tracking.sql import statement

log = logging.getLogger(__name__)

CHUNK = 500
TRIES = 3
EVENT_IDS = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
FIRST_SIGHT = timedelta(hours=24)
"""A parcel's first load announces nothing that is older than this."""

UNLOADABLE = (ReplyError, DataError, IntegrityError, ProgrammingError, psycopg.DataError)

# An order's status is its least advanced live parcel's; what went wrong leads.
LEADS_ORDER = (
    Status.EXCEPTION,
    Status.DELIVERY_FAILED,
    Status.RETURNING,
    Status.RETURNED,
    Status.PENDING,
    Status.UNKNOWN,
    Status.INFO_RECEIVED,
    Status.PICKED_UP,
    Status.IN_TRANSIT,
    Status.OUT_FOR_DELIVERY,
    Status.READY_FOR_PICKUP,
    Status.SIGNED,
    Status.CANCELLED,
)

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
    set aside after three tries and stops nobody; its order's ``last_error`` tells.

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
            replies = connection.execute(
                statement("warehouse/load_traces_waiting"), {"after": after, "most": most}
            ).all()
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
    replies: Sequence[Row[Any]],
    now: datetime,
) -> Counter[str]:
    traces = [(reply, trace) for reply in replies for trace in _read(readers, reply)]
    connection.execute(statement("warehouse/erp_rows_one_at_a_time"))
    connection.execute(
        statement("warehouse/load_traces_lock_orders"),
        {"orders": sorted({reply.order_id for reply in replies})},
    )
    ids = parcels.keep(connection, [_parcel_row(reply, trace) for reply, trace in traces])
    rejected = rejections.keep(connection, traces, ids)
    incoming: dict[_EventKey, tuple[Any, ...]] = {}
    announced: dict[_EventKey, bool] = {}
    read = 0
    for reply, trace in traces:
        shipment_id = ids[reply.order_id, trace.consignment_id]
        for event in trace.events:
            key = (shipment_id, event.occurred_at or reply.fetched_at, event.event_hash)
            incoming.setdefault(key, _event_row(key, event, reply.fetched_at))
            announced[key] = announced.get(key, False) or reply.announce
            read += 1
    new = _insert_events(connection, incoming)
    announce = {shipment_id: False for shipment_id, _, _ in new}
    for key in new:
        announce[key[0]] |= announced[key]
    numbers = _settle(connection, this_run, announce, new, now)
    connection.execute(
        statement("warehouse/load_traces_done"),
        {"replies": [reply.reply_id for reply in replies], "now": now},
    )
    events = Counter(events_new=len(new), events_duplicate=read - len(new), rejected=rejected)
    return numbers + events


def _read(readers: Mapping[str, TraceReader], reply: Row[Any]) -> list[ParcelTrace]:
    reader = readers.get(reply.dialect)
    if reader is None:
        raise ReplyError(f"no dialect {reply.dialect} is known")
    return reader(reply.body)


def _parcel_row(reply: Row[Any], trace: ParcelTrace) -> dict[str, Any]:
    return {
        "order_id": reply.order_id,
        "account": reply.account,
        "consignment_id": trace.consignment_id,
        "waybill_no": trace.waybill_no,
        "platform_code": trace.platform_code,
        "platform_status": trace.platform_status,
        "seen_at": reply.fetched_at,
        "announce": reply.announce,
    }


def _event_row(key: _EventKey, event: TraceEvent, fetched_at: datetime) -> tuple[Any, ...]:
    _, occurred_at, _ = key
    return (
        *key,
        HASH_VERSION,
        event.position,
        occurred_at > fetched_at + FUTURE_TOLERANCE,
        str(event.status),
        event.sign_kind,
        event.description,
        event.city,
        event.action,
        fetched_at,
    )


def _insert_events(
    connection: Connection, incoming: Mapping[_EventKey, tuple[Any, ...]]
) -> set[_EventKey]:
    """Store what is not stored yet; returns the keys of what was new."""
    if not incoming:
        return set()
    connection.execute(statement("warehouse/load_traces_stage"))
    driver = connection.connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(str(statement("warehouse/load_traces_copy"))) as copy,
    ):
        for row in incoming.values():
            copy.write_row(row)
    rows = connection.execute(statement("warehouse/load_traces_insert")).all()
    return {(row.shipment_id, row.occurred_at, row.event_hash) for row in rows}


def _settle_next(
    warehouse: Engine, this_run: Run, after: int, most: int, now: datetime, total: Counter[str]
) -> int:
    """Judge the next parcels that wait without a reply; returns the last one's id, 0 for none."""
    with warehouse.begin() as connection:
        connection.execute(statement("warehouse/erp_rows_one_at_a_time"))
        waiting = connection.execute(
            statement("warehouse/load_traces_unsettled"),
            {"after": after, "most": most},
        ).scalars()
        shipments = list(waiting)
        if not shipments:
            return 0
        orders = connection.execute(
            statement("warehouse/load_traces_orders_of"), {"shipments": shipments}
        ).scalars()
        connection.execute(statement("warehouse/load_traces_lock_orders"), {"orders": list(orders)})
        numbers = _settle(connection, this_run, dict.fromkeys(shipments), set(), now)
    total.update(numbers)
    return shipments[-1]


def _settle(
    connection: Connection,
    this_run: Run,
    announce: Mapping[int, bool | None],
    new: set[_EventKey],
    now: datetime,
) -> Counter[str]:
    """
    Judge the parcels and their orders by all that is known.

    :param announce: by shipment id, whether its changes are announced; ``None``: as the platform
        status that made it wait says.
    :param new: the events stored in this transaction.
    """
    if not announce:
        return Counter()
    binds = {"shipments": sorted(announce)}
    shipments = connection.execute(statement("warehouse/load_traces_shipments"), binds).all()
    trails = {
        shipment_id: [
            Scan(
                row.occurred_at,
                row.position,
                row.status,
                row.sign_kind,
                row.event_hash,
                (row.shipment_id, row.occurred_at, row.event_hash) in new,
                row.action,
            )
            for row in rows
        ]
        for shipment_id, rows in groupby(
            connection.execute(statement("warehouse/load_traces_trails"), binds),
            key=attrgetter("shipment_id"),
        )
    }
    findings = [
        _find(shipment, trails.get(shipment.shipment_id, []), announce[shipment.shipment_id], now)
        for shipment in shipments
    ]
    _write(connection, this_run, findings, now)
    numbers = Counter(changes=sum(len(finding.changes) for finding in findings))
    orders = list(connection.execute(statement("warehouse/load_traces_orders_of"), binds).scalars())
    settling = {"orders": orders, "least_advanced": list(LEADS_ORDER), "now": now}
    rows = connection.execute(statement("warehouse/load_traces_settle_rows"), settling).all()
    connection.execute(statement("warehouse/load_traces_settle_orders"), settling)
    polling.plan(connection, orders, now=now)
    numbers["signed"] += sum(row.newly_signed for row in rows)
    return numbers


@dataclass(frozen=True, slots=True)
class _Finding:
    """What judging one parcel leads to: its new row, its changes and their notices."""

    row: dict[str, Any]
    changes: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    newly_confirmed: bool


def _find(
    shipment: Row[Any], trail: Sequence[Scan], announce: bool | None, now: datetime
) -> _Finding:
    word = (
        PlatformWord(
            shipment.platform_status,
            shipment.platform_code,
            shipment.platform_status_since,
            shipment.platform_status_at,
        )
        if shipment.platform_status
        else None
    )
    verdict = judge(trail, word, shipment.status, shipment.changes)
    signed = verdict.status == Status.SIGNED
    sign_seen_at = (shipment.sign_seen_at or now) if signed else None
    confirmed = signed and (
        _is_confirmed(verdict, word, shipment.traces_seen_at)
        or _stood(sign_seen_at, shipment.polled_at)
    )
    confirmed_at = (shipment.sign_confirmed_at or now) if confirmed else None
    settled_sign = signed and shipment.sign_confirmed_at is not None
    row = {
        "shipment_id": shipment.shipment_id,
        "status": verdict.status,
        "sign_kind": verdict.sign_kind,
        # A confirmed sign never moves.
        "signed_at": shipment.signed_at if settled_sign else verdict.signed_at,
        "sign_seen_at": sign_seen_at,
        "sign_confirmed_at": confirmed_at,
    }
    changes = [
        {
            "event_id": uuid5(
                EVENT_IDS,
                f"{shipment.account}/{shipment.consignment_id}/{step.to_status}/{step.evidence}",
            ),
            "shipment_id": shipment.shipment_id,
            "from_status": step.from_status,
            "to_status": step.to_status,
            "occurred_at": step.occurred_at,
        }
        for step in verdict.transitions
    ]
    told = shipment.platform_announce if announce is None else announce
    notices = [
        {
            "event_id": change["event_id"],
            "shipment_id": shipment.shipment_id,
            "held": change["to_status"] == Status.SIGNED and not confirmed,
        }
        | _notice_state(
            change,
            told=told,
            newest=change is changes[-1],
            awaited=shipment.is_awaited,
            first_load=shipment.event_count == 0,
            seen_again=shipment.was_pruned and shipment.status == Status.PENDING,
            now=now,
        )
        for change in changes
    ]
    return _Finding(row, changes, notices, bool(confirmed_at and not shipment.sign_confirmed_at))


def _is_confirmed(
    verdict: Verdict, word: PlatformWord | None, traces_seen_at: datetime | None
) -> bool:
    """
    Whether a sign has both: the platform's word, and the event that tells when.

    Without the event the word is enough once the traces, asked for after it, know of none either.
    """
    if not verdict.confirmed:
        return False
    if word is None or verdict.signed_at != word.since:
        return True
    return traces_seen_at is not None and traces_seen_at >= word.since


def _stood(sign_seen_at: datetime | None, polled_at: datetime | None) -> bool:
    """Whether a sign by its text was still there when it was asked for after its day."""
    return bool(sign_seen_at and polled_at and polled_at >= sign_seen_at + CONFIRM_WITHIN)


def _notice_state(
    change: Mapping[str, Any],
    *,
    told: bool,
    newest: bool,
    awaited: bool,
    first_load: bool,
    seen_again: bool,
    now: datetime,
) -> dict[str, str]:
    if not told:
        return {"state": "suppressed", "reason": "backfill"}
    if not newest:
        return {"state": "suppressed", "reason": "overtaken"}
    if not awaited:
        return {"state": "suppressed", "reason": "closed"}
    # A platform status counts from when it was fetched, so its age says nothing after pruning.
    if first_load and (seen_again or change["occurred_at"] < now - FIRST_SIGHT):
        return {"state": "suppressed", "reason": "first sight"}
    return {"state": "pending", "reason": change["to_status"]}


def _write(
    connection: Connection, this_run: Run, findings: Sequence[_Finding], now: datetime
) -> None:
    def execute(name: str, **binds: Any) -> None:
        connection.execute(statement(f"warehouse/load_traces_{name}"), binds)

    def as_json(rows: list[dict[str, Any]]) -> str:
        return json.dumps(rows, default=str)

    shipments = [finding.row["shipment_id"] for finding in findings]
    execute("judge", verdicts=as_json([finding.row for finding in findings]), shipments=shipments)
    changed = [finding for finding in findings if finding.changes]
    if changed:
        changes = [change for finding in changed for change in finding.changes]
        notices = [notice for finding in changed for notice in finding.notices]
        execute("changes", changes=as_json(changes), now=now, run_id=this_run.run_id)
        execute("overtake", shipments=[finding.row["shipment_id"] for finding in changed])
        execute("notices", notices=as_json(notices), now=now)
    confirmed = [finding.row["shipment_id"] for finding in findings if finding.newly_confirmed]
    if confirmed:
        execute("unhold", shipments=confirmed, now=now)


def _set_aside(warehouse: Engine, reply_id: int, error: Exception, now: datetime) -> None:
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    log.warning("reply %d cannot be loaded: %s", reply_id, reason)
    with warehouse.begin() as connection:
        connection.execute(
            statement("warehouse/load_traces_set_aside"),
            {"reply_id": reply_id, "error": reason, "tries": TRIES, "now": now},
        )
