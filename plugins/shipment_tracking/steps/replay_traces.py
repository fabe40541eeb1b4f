"""Reads stored replies again by the rules of today; says what changes, and applies it if told."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import Connection, Engine, Row
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from shipment_tracking.domain.masking import event_hash
from shipment_tracking.domain.models import ParcelTrace, Run
from shipment_tracking.errors import ParamError, ReplyError
from shipment_tracking.platforms.dialects import READERS
from shipment_tracking.platforms.ports import TraceReader
from shipment_tracking.statements import query
from shipment_tracking.warehouse import loading, replays, replies
from shipment_tracking.warehouse.replays import (
    READABLE,
    Difference,
    Findings,
    PastReply,
    Progress,
    ReadableStep,
    Selection,
)
from shipment_tracking.warehouse.rows import fetch

log = logging.getLogger(__name__)

SHANGHAI = ZoneInfo("Asia/Shanghai")

CHUNK = 100
"""Orders of a transaction; load_traces waits for its end."""

MOST_SHOWN = 20
"""Lines of a kind in the log; all stand in ``analytics.replay_differences``."""

KINDS = {
    "events_changed": "events are read differently",
    "events_added": "events were not stored before",
    "rejected_readable": "rejected events are readable now",
    "replies_readable": "replies that could not be loaded are readable now",
    "parcels_changed": "parcels have another status",
    "signatures_appear": "parcels are signed now",
    "signatures_fall": "parcels are not signed any more",
    "written_signatures_fall": "orders are signed in the ERP, but not by today's rules; the ERP is "
    "not touched, see whether they must be corrected there",
    "announcements_withheld": "changes a poll would announce; a replay does not",
}

UNLOADABLE = (DataError, IntegrityError, ProgrammingError, psycopg.DataError)


def run(
    warehouse: Engine,
    this_run: Run,
    selection: Selection,
    *,
    now: datetime,
    readers: Mapping[str, TraceReader] = READERS,
    chunk: int = CHUNK,
) -> dict[str, int | bool]:
    """
    Read the stored replies of the selected orders again, a chunk of orders a transaction.

    A dry run takes each chunk back and keeps only what would change. Killed at any point and run
    again under the same id, it takes up just the rest; a finished one begins anew. No platform is
    called, nothing is announced, deleted or written to the ERP.

    :param readers: by dialect, what reads a stored reply.
    :returns: ``dry_run``; how many differences of each of ``KINDS``; ``orders``, ``replies`` and
        ``events`` that were read; events ``not_rebuilt`` for want of a reply; ``unreadable``
        replies; orders ``waiting`` for the next run's judgement of their news.
    :raises ParamError: no order of the selected account is tracked.
    """
    with warehouse.begin() as connection:
        _refuse_unknown_account(connection, selection.account)
        after = replays.begin(connection, this_run, now).last_order_id
    while orders := _next_orders(warehouse, selection, after, chunk):
        _replay(warehouse, this_run, readers, orders, now)
        after = orders[-1]
    with warehouse.begin() as connection:
        connection.execute(query("replay_traces.finish"), {"run_id": this_run.run_id, "now": now})
        return _report(connection, this_run)


def _refuse_unknown_account(connection: Connection, account: str | None) -> None:
    if account and not connection.scalar(
        query("replay_traces.account_is_known"), {"account": account}
    ):
        raise ParamError(
            f"account is {account!r}, and no order of it is tracked; give the id of an account's "
            "connection, such as platform_1688"
        )


def _next_orders(warehouse: Engine, selection: Selection, after: int, most: int) -> list[int]:
    binds = {
        "after": after,
        "most": most,
        "account": selection.account,
        "shipped_from": selection.shipped_from,
        "shipped_to": selection.shipped_to,
        "fetched_from": selection.fetched_from,
        "fetched_to": selection.fetched_to,
    }
    with warehouse.connect() as connection:
        return list(connection.execute(query("replay_traces.page"), binds).scalars())


def _replay(
    warehouse: Engine,
    this_run: Run,
    readers: Mapping[str, TraceReader],
    orders: Sequence[int],
    now: datetime,
) -> None:
    """Replay some orders; if one of them cannot be loaded, each on its own."""
    try:
        with warehouse.connect() as connection:
            with connection.begin() as transaction:
                done, differences = _read_again(connection, this_run, readers, orders, now)
                if this_run.dry_run:
                    transaction.rollback()
                else:
                    replays.keep(connection, this_run, done, differences)
            if this_run.dry_run:
                with connection.begin():
                    replays.keep(connection, this_run, done, differences)
    except UNLOADABLE as error:
        if len(orders) > 1:
            for order_id in orders:
                _replay(warehouse, this_run, readers, [order_id], now)
            return
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        log.warning("order %d cannot be loaded again and stays as it is: %s", orders[0], reason)
        with warehouse.begin() as connection:
            replays.keep(connection, this_run, Progress(orders[0], orders=1, unreadable=1), ())


def _read_again(
    connection: Connection,
    this_run: Run,
    readers: Mapping[str, TraceReader],
    orders: Sequence[int],
    now: datetime,
) -> tuple[Progress, list[Difference]]:
    loading.lock(connection, orders)
    settled = set(
        connection.execute(query("replay_traces.settled"), {"orders": list(orders)}).scalars()
    )
    own = {"orders": sorted(settled)}
    stored = fetch(connection, "replay_traces.replies", PastReply, **own)
    traces, unreadable = _read(readers, stored)
    shipments = list(connection.execute(query("replay_traces.shipments"), own).scalars())
    rejected = connection.execute(query("replay_traces.rejected"), own).all()
    written = _written(connection, shipments)
    again = loading.load_again(
        connection, this_run, traces, settled, shipments, now, withheld="replay"
    )
    loaded = {reply.reply_id: reply for reply, _ in traces if reply.is_quarantined}
    if loaded:
        replies.done(connection, loaded.values(), now)
    readable = _readable(again, rejected)
    if readable:
        steps = [ReadableStep(row.order_id, row.consignment_id, row.event_hash) for row in readable]
        connection.execute(query("replay_traces.readable"), {**READABLE(steps), "now": now})
    found = Findings.of(connection, this_run, again)
    differences = list(found.all(readable, list(loaded.values()), written))
    known = [trail for trail in again.trails.values() if trail.known]
    done = Progress(
        last_order_id=orders[-1],
        orders=len(settled),
        replies=len(stored) - unreadable,
        events=sum(len(trail.known) - trail.unread for trail in known) + len(again.added),
        not_rebuilt=sum(trail.unread for trail in known),
        unreadable=unreadable,
        waiting=len(orders) - len(settled),
    )
    return done, differences


def _read(
    readers: Mapping[str, TraceReader], stored: Sequence[PastReply]
) -> tuple[list[tuple[PastReply, ParcelTrace]], int]:
    """What the replies say, and how many of them cannot be read."""
    traces: list[tuple[PastReply, ParcelTrace]] = []
    unreadable = 0
    for reply in stored:
        try:
            traces.extend((reply, trace) for trace in loading.read(readers, reply))
        except ReplyError as error:
            unreadable += 1
            log.warning("reply %d cannot be read and counts as before: %s", reply.reply_id, error)
    return traces, unreadable


def _written(connection: Connection, shipments: Sequence[int]) -> dict[str, Row[Any]]:
    """The ERP rows that are signed in the ERP and by our rules, by their keys."""
    rows = connection.execute(query("replay_traces.written"), {"shipments": list(shipments)})
    return {row.erp_key: row for row in rows if row.is_signed}


def _readable(again: loading.ReadAgain, rejected: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Rejected steps that are events now."""
    names = {number: trail.shipment.consignment_id for number, trail in again.trails.items()}
    events = {(names[shipment_id], hashed) for shipment_id, _, hashed in again.texts}
    still = {(step.order_id, names[step.shipment_id], step.event_hash) for step in again.rejected}
    return [
        row
        for row in rejected
        if (row.consignment_id, event_hash(row.description)) in events
        and (row.order_id, row.consignment_id, row.event_hash) not in still
    ]


def _report(connection: Connection, this_run: Run) -> dict[str, int | bool]:
    """Log the differences of the whole run, a screen of each kind, and count them."""
    binds = {"run_id": this_run.run_id}
    done = replays.progress(connection, this_run)
    rows = connection.execute(query("replay_traces.counts"), binds)
    found = {row.kind: row.found for row in rows}
    for kind, meaning in KINDS.items():
        if not (count := found.get(kind, 0)):
            continue
        level = logging.WARNING if kind == "written_signatures_fall" else logging.INFO
        log.log(level, "%s: %d %s", kind, count, meaning)
        shown = connection.execute(
            query("replay_traces.examples"), {**binds, "kind": kind, "most": MOST_SHOWN}
        )
        for row in shown:
            log.log(level, "  %s", _line(row))
        if count > MOST_SHOWN:
            log.log(level, "  and %d more", count - MOST_SHOWN)
    if done.not_rebuilt:
        log.info("%d events stay as they are: their replies were pruned", done.not_rebuilt)
    if done.waiting:
        log.info(
            "%d orders have news that the next run judges first: replay them after it", done.waiting
        )
    log.info(
        "%s %d replies of %d orders: %d differences; all of them: select * from "
        "analytics.replay_differences where run_id = '%s'",
        "dry run, nothing was changed; read" if this_run.dry_run else "applied; read",
        done.replies,
        done.orders,
        sum(found.values()),
        this_run.run_id,
    )
    return {
        "dry_run": this_run.dry_run,
        **{kind: found.get(kind, 0) for kind in KINDS},
        "orders": done.orders,
        "replies": done.replies,
        "events": done.events,
        "not_rebuilt": done.not_rebuilt,
        "unreadable": done.unreadable,
        "waiting": done.waiting,
    }


def _line(row: Row[Any]) -> str:
    """A difference for the log, times in Shanghai."""
    time = f"{row.occurred_at.astimezone(SHANGHAI):%F %T}" if row.occurred_at else ""
    parts = (row.account, row.platform_order_id, row.waybill_no, time, row.description)
    where = " ".join(part for part in parts if part)
    return f"{where}: {row.before or 'nothing'} -> {row.after}"
