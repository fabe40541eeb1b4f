"""Applies the rules of evidence to stored parcels and orders, within the caller's transaction."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Row

from shipment_tracking.domain import evidence
from shipment_tracking.domain.evidence import Held, ParcelState, PlatformWord, Reply, RowState, Scan
from shipment_tracking.domain.models import Run
from shipment_tracking.domain.statuses import Status
from shipment_tracking.statements import query
from shipment_tracking.warehouse import polling

EVENT_IDS = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
FIRST_SIGHT = timedelta(hours=24)
"""A parcel's first load announces nothing that is older than this."""


@dataclass(slots=True)
class Trail:
    """
    A parcel's events before and after the replies of this transaction.

    :param known: those that are stored, with whether each is marked as of an earlier life.
    """

    shipment: Row[Any]
    known: dict[tuple[datetime, int], tuple[Scan, bool]]
    scans: list[Scan]
    held: Held | None

    @property
    def new(self) -> list[Scan]:
        """The events to be stored."""
        return [scan for scan in self.scans if scan.key not in self.known]

    @property
    def changed(self) -> list[Scan]:
        """Stored events that are read anew, withdrawn, held again or of an earlier life."""
        times = [scan.occurred_at for scan in self.scans]
        tied = {time for time, after in pairwise(times) if time == after}
        return [
            scan
            for scan in self.scans
            if scan.key in self.known
            and (self._differs(scan, tied) or self.is_earlier(scan) != self.known[scan.key][1])
        ]

    @property
    def lost_steps(self) -> bool:
        """Whether a newer reply lacks a step that was evidence until now."""
        return any(
            scan.withdrawn_at is not None and self.known[scan.key][0].withdrawn_at is None
            for scan in self.scans
            if scan.key in self.known
        )

    def is_earlier(self, scan: Scan) -> bool:
        """Whether an event is of an earlier life of the parcel's waybill number."""
        return evidence.is_earlier_life(scan, self.shipment.shipped_at)

    def _differs(self, scan: Scan, tied: set[datetime]) -> bool:
        before, _ = self.known[scan.key]
        # A position matters, and is kept up to date, only among events of one second.
        position = before.position if scan.occurred_at in tied else scan.position
        return replace(before, position=scan.position) != scan or position != scan.position


def read_trails(
    connection: Connection, shipments: Sequence[int], replies: Mapping[int, Sequence[Reply]]
) -> dict[int, Trail]:
    """
    Lock the parcels and merge the replies' events into what is stored of them.

    :param replies: by shipment id.
    """
    binds = {"shipments": sorted(shipments)}
    rows = connection.execute(query("load_traces.shipments"), binds).all()
    known: dict[int, dict[tuple[datetime, int], tuple[Scan, bool]]] = defaultdict(dict)
    for row in connection.execute(query("load_traces.trails"), binds):
        scan = Scan(
            occurred_at=row.occurred_at,
            position=row.position,
            status=row.status,
            sign_kind=row.sign_kind,
            event_hash=row.event_hash,
            is_new=False,
            action=row.action,
            decided_by=row.decided_by,
            future_dated=row.future_dated,
            withdrawn_at=row.withdrawn_at,
        )
        known[row.shipment_id][scan.key] = scan, row.earlier_life
    trails = {}
    for row in rows:
        stored = known[row.shipment_id]
        held = (
            Held(row.trace_fetched_at, row.trace_since, row.trace_waybill_no)
            if row.trace_fetched_at is not None
            else None
        )
        scans, held = evidence.merge(
            (scan for scan, _ in stored.values()), replies.get(row.shipment_id, ()), held
        )
        trails[row.shipment_id] = Trail(row, stored, scans, held)
    return trails


def update_events(connection: Connection, trails: Iterable[Trail]) -> None:
    """Store what changed of known events."""
    events = [
        {
            "shipment_id": trail.shipment.shipment_id,
            "occurred_at": scan.occurred_at,
            "event_hash": scan.event_hash,
            "position": scan.position,
            "earlier_life": trail.is_earlier(scan),
            "withdrawn_at": scan.withdrawn_at,
            "status": scan.status,
            "sign_kind": scan.sign_kind,
            "action": scan.action,
            "decided_by": scan.decided_by,
        }
        for trail in trails
        for scan in trail.changed
    ]
    if events:
        connection.execute(query("load_traces.update_events"), {"events": _as_json(events)})


def judge_parcels(
    connection: Connection,
    this_run: Run,
    trails: Mapping[int, Trail],
    announce: Mapping[int, bool | None],
    now: datetime,
) -> int:
    """
    Store each parcel's verdict, its changes and their notices; returns how many changes.

    :param announce: by shipment id, whether its changes are announced; ``None``: as the platform
        status that made it wait says.
    """
    findings = [
        _find(trail, announce[shipment_id], now) for shipment_id, trail in sorted(trails.items())
    ]
    _write(connection, this_run, findings, now)
    return sum(len(finding.changes) for finding in findings)


def judge_orders(connection: Connection, orders: Sequence[int], now: datetime) -> int:
    """
    Store how far the orders and their ERP rows are; returns how many rows are newly signed.

    Their parcels were judged before.
    """
    binds = {"orders": list(orders)}
    parcels: dict[int, list[ParcelState]] = defaultdict(list)
    unlisted: dict[int, datetime] = {}
    for row in connection.execute(query("load_traces.parcels"), binds):
        parcels[row.order_id].append(_parcel(row))
        if row.listed_at is None:
            unlisted[row.order_id] = max(
                row.first_seen_at, unlisted.get(row.order_id, row.first_seen_at)
            )
    rows = connection.execute(query("load_traces.rows"), binds).all()
    verdicts = [
        evidence.judge_row(_row(row), parcels[row.order_id], row.has_unshipped_lines)
        for row in rows
    ]
    if verdicts:
        connection.execute(
            query("load_traces.settle_rows"),
            {"verdicts": _as_json([asdict(verdict) for verdict in verdicts])},
        )
    settled = [
        _order(order_id, own, unlisted.get(order_id)) for order_id, own in sorted(parcels.items())
    ]
    if settled:
        connection.execute(
            query("load_traces.settle_orders"),
            {"verdicts": _as_json(settled), "now": now},
        )
    polling.plan(connection, list(orders), now=now)
    return sum(
        row.signed_at is None and verdict.signed_at is not None
        for row, verdict in zip(rows, verdicts, strict=True)
    )


def _order(
    order_id: int, parcels: Sequence[ParcelState], unlisted_since: datetime | None
) -> dict[str, Any]:
    unconfirmed = [
        parcel.sign_seen_at
        for parcel in parcels
        if parcel.sign_seen_at is not None and parcel.sign_confirmed_at is None
    ]
    moved = [parcel.last_event_at for parcel in parcels if parcel.last_event_at is not None]
    return {
        "order_id": order_id,
        "status": str(evidence.least_advanced(parcels)),
        "all_signed": evidence.all_signed(parcels),
        "unconfirmed_since": min(unconfirmed, default=None),
        "unlisted_since": unlisted_since,
        "last_event_at": max(moved, default=None),
    }


def _parcel(row: Row[Any]) -> ParcelState:
    return ParcelState(
        shipment_id=row.shipment_id,
        status=row.status,
        sign_kind=row.sign_kind,
        signed_at=row.signed_at,
        sign_confirmed_at=row.sign_confirmed_at,
        sign_seen_at=row.sign_seen_at,
        sign_event=row.sign_event,
        waybill_no=row.waybill_no,
        waybills=tuple(row.waybills),
        last_event=row.last_event,
        last_event_at=row.last_event_at,
    )


def _row(row: Row[Any]) -> RowState:
    return RowState(
        erp_key=row.erp_key,
        waybill_no=row.waybill_no,
        shipped_at=row.shipped_at,
        signed_at=row.signed_at,
        sign_kind=row.sign_kind,
        sign_event=row.sign_event,
        written_event=row.written_event,
    )


@dataclass(frozen=True, slots=True)
class _Finding:
    """What judging one parcel leads to: its new row, its changes and their notices."""

    row: dict[str, Any]
    newly_confirmed: bool
    changes: list[dict[str, Any]] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)


def _find(trail: Trail, announce: bool | None, now: datetime) -> _Finding:
    shipment = trail.shipment
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
    leading = evidence.leading(trail.scans, shipment.shipped_at)
    verdict = evidence.judge(leading, word, shipment.status, shipment.changes, lost_at=now)
    before = evidence.Signature(
        shipment.signed_at, shipment.sign_seen_at, shipment.sign_confirmed_at
    )
    signature = evidence.settle_signature(
        verdict, word, before, traces_seen_at=shipment.traces_seen_at, now=now
    )
    is_open = verdict.status == Status.SIGNED and signature.confirmed_at is None
    # What leads again since the announced step was withdrawn is no news; a lost signature is.
    is_quiet = (
        trail.lost_steps
        and shipment.status == shipment.announced_status != Status.SIGNED
        and not any(step.is_news for step in verdict.transitions[-1:])
    )
    keeps_announced = is_open or (is_quiet and bool(verdict.transitions))
    newest = leading[-1] if leading else None
    row = {
        "shipment_id": shipment.shipment_id,
        "status": verdict.status,
        "announced_status": shipment.announced_status if keeps_announced else verdict.status,
        "sign_kind": verdict.sign_kind,
        "signed_at": signature.signed_at,
        "sign_seen_at": signature.seen_at,
        "sign_confirmed_at": signature.confirmed_at,
        "event_count": sum(scan.withdrawn_at is None for scan in trail.scans),
        "first_event_at": leading[0].occurred_at if leading else None,
        "last_event_at": newest.occurred_at if newest else None,
        "last_event_hash": newest.event_hash if newest else None,
        "trace_fetched_at": trail.held.fetched_at if trail.held else None,
        "trace_since": trail.held.since if trail.held else None,
        "trace_waybill_no": trail.held.waybill_no if trail.held else None,
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
    is_announced = shipment.platform_announce if announce is None else announce
    notices = [
        {
            "event_id": change["event_id"],
            "shipment_id": shipment.shipment_id,
            "from_status": shipment.announced_status,
            "held": is_open,
        }
        | _notice_state(
            change,
            is_announced=is_announced,
            newest=change is changes[-1],
            is_quiet=is_quiet,
            of=shipment,
            now=now,
        )
        for change in changes
    ]
    newly_confirmed = bool(signature.confirmed_at and not shipment.sign_confirmed_at)
    return _Finding(row, newly_confirmed, changes, notices)


def _notice_state(
    change: Mapping[str, Any],
    *,
    is_announced: bool,
    newest: bool,
    is_quiet: bool,
    of: Row[Any],
    now: datetime,
) -> dict[str, str]:
    if not is_announced:
        return {"state": "suppressed", "reason": "backfill"}
    if not newest:
        return {"state": "suppressed", "reason": "superseded"}
    if not of.is_awaited:
        return {"state": "suppressed", "reason": "closed"}
    if change["to_status"] == of.announced_status:
        # Only a signature that was never confirmed lies between.
        return {"state": "suppressed", "reason": "unchanged"}
    if is_quiet:
        return {"state": "suppressed", "reason": "step withdrawn"}
    # A platform status counts from when it was fetched, so its age says nothing after pruning.
    is_seen_again = of.was_pruned and of.status == Status.PENDING
    if of.event_count == 0 and (is_seen_again or change["occurred_at"] < now - FIRST_SIGHT):
        return {"state": "suppressed", "reason": "first sight"}
    return {"state": "pending", "reason": change["to_status"]}


def _write(
    connection: Connection, this_run: Run, findings: Sequence[_Finding], now: datetime
) -> None:
    def execute(name: str, **binds: Any) -> None:
        connection.execute(query(f"load_traces.{name}"), binds)

    if not findings:
        return
    execute("judge", verdicts=_as_json([finding.row for finding in findings]))
    changed = [finding for finding in findings if finding.changes]
    if changed:
        changes = [change for finding in changed for change in finding.changes]
        notices = [notice for finding in changed for notice in finding.notices]
        execute("changes", changes=_as_json(changes), now=now, run_id=this_run.run_id)
        execute("coalesce", shipments=[finding.row["shipment_id"] for finding in changed])
        execute("notices", notices=_as_json(notices), now=now)
    confirmed = [finding.row["shipment_id"] for finding in findings if finding.newly_confirmed]
    if confirmed:
        execute("unhold", shipments=confirmed, now=now)


def _as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=str, ensure_ascii=False)
