"""Reads stored replies again by the rules of today; says what changes, and applies it if told."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from shipment_tracking.domain.masking import event_hash
from shipment_tracking.domain.models import ParcelTrace, Run
from shipment_tracking.errors import ParamError, ReplyError
from shipment_tracking.platforms.dialects import READERS
from shipment_tracking.platforms.ports import TraceReader
from shipment_tracking.warehouse import loading, replays, replies
from shipment_tracking.warehouse.replays import (
    Difference,
    Example,
    Findings,
    PastReply,
    Progress,
    RejectedStep,
    Selection,
)
from shipment_tracking.warehouse.rows import UNSTORABLE, said_by

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
        replays.finish(connection, this_run, now)
        return _report(connection, this_run)


def _refuse_unknown_account(connection: Connection, account: str | None) -> None:
    if account and not replays.is_known(connection, account):
        raise ParamError(
            f"account is {account!r}, and no order of it is tracked; give the id of an account's "
            "connection, such as platform_1688"
        )


def _next_orders(warehouse: Engine, selection: Selection, after: int, most: int) -> list[int]:
    with warehouse.connect() as connection:
        return replays.select(connection, selection, after=after, most=most)


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
    except UNSTORABLE as error:
        if len(orders) > 1:
            for order_id in orders:
                _replay(warehouse, this_run, readers, [order_id], now)
            return
        log.warning(
            "order %d cannot be loaded again and stays as it is: %s", orders[0], said_by(error)
        )
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
    settled = replays.settled(connection, orders)
    stored = replays.replies(connection, settled)
    traces, unreadable = _read(readers, stored)
    shipments = replays.shipments(connection, settled)
    rejected = replays.rejected(connection, settled)
    written = {row.erp_key: row for row in replays.written(connection, shipments) if row.is_signed}
    again = loading.load_again(
        connection, this_run, traces, settled, shipments, now, withheld="replay"
    )
    loaded = {reply.reply_id: reply for reply, _ in traces if reply.is_quarantined}
    if loaded:
        replies.done(connection, loaded.values(), now)
    readable = _readable(again, rejected)
    if readable:
        replays.note_readable(connection, readable, now)
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


def _readable(again: loading.ReadAgain, rejected: Sequence[RejectedStep]) -> list[RejectedStep]:
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
    done = replays.progress(connection, this_run)
    found = replays.counts(connection, this_run)
    for kind, meaning in KINDS.items():
        if not (count := found.get(kind, 0)):
            continue
        level = logging.WARNING if kind == "written_signatures_fall" else logging.INFO
        log.log(level, "%s: %d %s", kind, count, meaning)
        for example in replays.examples(connection, this_run, kind, most=MOST_SHOWN):
            log.log(level, "  %s", _line(example))
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


def _line(row: Example) -> str:
    """A difference for the log, times in Shanghai."""
    time = f"{row.occurred_at.astimezone(SHANGHAI):%F %T}" if row.occurred_at else ""
    parts = (row.account, row.platform_order_id, row.waybill_no, time, row.description)
    where = " ".join(part for part in parts if part)
    return f"{where}: {row.before or 'nothing'} -> {row.after}"
