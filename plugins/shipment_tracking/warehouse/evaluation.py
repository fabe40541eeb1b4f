"""Applies the rules of evidence to stored parcels and orders, within the caller's transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Row

from shipment_tracking.domain import evidence
from shipment_tracking.domain.cities import way_of
from shipment_tracking.domain.evidence import Held, ParcelState, PlatformWord, Reply, RowState, Scan
from shipment_tracking.domain.models import Run
from shipment_tracking.domain.statuses import Status
from shipment_tracking.statements import query
from shipment_tracking.warehouse import polling
from shipment_tracking.warehouse.rows import JsonRows, fetch

EVENT_IDS = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
ENOUGH_FAILURES = 3
"""Polls in a row that fail until an order's traces are held for unreadable."""

FIRST_SIGHT = timedelta(hours=24)
"""A parcel's first load announces nothing that is older than this."""


@dataclass(frozen=True, slots=True)
class StoredParcel:
    """
    What was known of a parcel before.

    :param platform_status_since, platform_status_at: when it was fetched first, and last.
    :param announced_status: its status, leaving out a signature that was never confirmed.
    :param trace_fetched_at, trace_since, trace_waybill_no: of its newest loaded reply.
    :param shipped_at: when the first of its orders was shipped.
    :param waybill_no: its number by the newest list or trace.
    :param traces_seen_at: when one of its orders last had traces, this parcel's among them.
    :param traces_were_asked: whether they were asked for since the platform's status is known, or
        failed ``ENOUGH_FAILURES`` times.
    :param is_awaited: whether one of its orders is open, or was closed because it is signed.
    :param changes: how many status changes it had.
    """

    shipment_id: int
    account: str
    consignment_id: str
    waybill_no: str | None
    platform_code: str | None
    platform_status: str | None
    platform_status_since: datetime | None
    platform_status_at: datetime | None
    platform_announce: bool
    status: str
    signed_at: datetime | None
    sign_seen_at: datetime | None
    sign_confirmed_at: datetime | None
    event_count: int
    announced_status: str
    trace_fetched_at: datetime | None
    trace_since: datetime | None
    trace_waybill_no: str | None
    shipped_at: datetime | None
    traces_seen_at: datetime | None
    traces_were_asked: bool
    is_awaited: bool | None
    was_pruned: bool | None
    changes: int

    @property
    def held(self) -> Held | None:
        """Its newest loaded reply; ``None`` while there is none."""
        if self.trace_fetched_at is None or self.trace_since is None:
            return None
        return Held(self.trace_fetched_at, self.trace_since, self.trace_waybill_no)

    @property
    def word(self) -> PlatformWord | None:
        """What its platform says of it; ``None`` while it said nothing."""
        since, fetched_at = self.platform_status_since, self.platform_status_at
        if not self.platform_status or since is None or fetched_at is None:
            return None
        return PlatformWord(self.platform_status, self.platform_code or "", since, fetched_at)


@dataclass(frozen=True, slots=True)
class EventRow:
    """What changed of a stored event."""

    shipment_id: int
    occurred_at: datetime
    event_hash: int
    position: int
    future_dated: bool
    earlier_life: bool
    withdrawn_at: datetime | None
    status: str
    sign_kind: str | None
    action: str | None
    decided_by: str
    city: str | None


@dataclass(frozen=True, slots=True)
class ParcelVerdict:
    """
    How far a parcel is, by all that is known of it.

    :param announced_status: its status, leaving out a signature that was never confirmed.
    :param trace_fetched_at, trace_since, trace_waybill_no: of its newest loaded reply.
    :param picked_up_at, out_for_delivery_at, origin_city, last_city: see ``domain.cities.Way``.
    """

    shipment_id: int
    status: str
    announced_status: str
    sign_kind: str | None
    signed_at: datetime | None
    sign_seen_at: datetime | None
    sign_confirmed_at: datetime | None
    event_count: int
    first_event_at: datetime | None
    last_event_at: datetime | None
    last_event_hash: int | None
    trace_fetched_at: datetime | None
    trace_since: datetime | None
    trace_waybill_no: str | None
    picked_up_at: datetime | None
    out_for_delivery_at: datetime | None
    origin_city: str | None
    last_city: str | None


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A status change of a parcel."""

    event_id: UUID
    shipment_id: int
    from_status: str
    to_status: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """
    The notice of a status change.

    :param held: it waits until the signature is confirmed.
    """

    event_id: UUID
    shipment_id: int
    reason: str
    from_status: str
    state: str
    held: bool


@dataclass(frozen=True, slots=True)
class OrderVerdict:
    """
    How far an order is.

    :param unconfirmed_since: since when its oldest unconfirmed signature is known.
    :param unlisted_since: since when a parcel is known that its platform has not listed.
    """

    order_id: int
    status: str
    all_signed: bool
    unconfirmed_since: datetime | None
    unlisted_since: datetime | None
    last_event_at: datetime | None


EVENTS = JsonRows(EventRow, "events", "evaluation.update_events")
PARCEL_VERDICTS = JsonRows(ParcelVerdict, "verdicts", "evaluation.judge")
CHANGES = JsonRows(ChangeRow, "changes", "evaluation.changes")
NOTICES = JsonRows(NoticeRow, "notices", "evaluation.notices")
ROW_VERDICTS = JsonRows(evidence.RowVerdict, "verdicts", "evaluation.settle_rows")
ORDER_VERDICTS = JsonRows(OrderVerdict, "verdicts", "evaluation.settle_orders")


@dataclass(slots=True)
class Trail:
    """
    A parcel's events before and after the replies of this transaction.

    :param known: those that are stored, with whether each is marked as of an earlier life.
    :param unread: how many of them no reply at hand holds.
    """

    shipment: StoredParcel
    known: dict[tuple[datetime, int], tuple[Scan, bool]]
    scans: list[Scan]
    held: Held | None
    unread: int = 0

    @property
    def kept_aside(self) -> list[Scan]:
        """The events that may not lead, but for those that were withdrawn."""
        return [
            scan
            for scan in self.scans
            if scan.withdrawn_at is None and (scan.future_dated or self.is_earlier(scan))
        ]

    @property
    def new(self) -> list[Scan]:
        """The events to be stored."""
        return [scan for scan in self.scans if scan.key not in self.known]

    @property
    def changed(self) -> list[Scan]:
        """Stored events that are read anew, withdrawn, held again, due or of an earlier life."""
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
    connection: Connection,
    shipments: Sequence[int],
    replies: Mapping[int, Sequence[Reply]],
    now: datetime,
    *,
    again: bool = False,
) -> dict[int, Trail]:
    """
    Lock the parcels and merge the replies' events into what is stored of them.

    :param replies: by shipment id.
    :param again: the replies were loaded before; what they hold is read as they say now.
    """
    binds = {"shipments": sorted(shipments)}
    parcels = fetch(
        connection,
        "evaluation.shipments",
        StoredParcel,
        **binds,
        enough_failures=ENOUGH_FAILURES,
    )
    known: dict[int, dict[tuple[datetime, int], tuple[Scan, bool]]] = defaultdict(dict)
    scans_by_parcel: dict[int, list[Scan]] = defaultdict(list)
    for row in connection.execute(query("evaluation.trails"), binds):
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
            city=row.city,
        )
        known[row.shipment_id][scan.key] = scan, row.earlier_life
        if scan.future_dated:
            ahead = evidence.is_future_dated(row.occurred_at, row.fetched_at, now)
            scan = replace(scan, future_dated=ahead)
        scans_by_parcel[row.shipment_id].append(scan)
    trails = {}
    for parcel in parcels:
        shipment_id = parcel.shipment_id
        before, own, unread = scans_by_parcel[shipment_id], replies.get(shipment_id, ()), 0
        if again:
            before, unread = evidence.read_again(before, own)
        scans, held = evidence.merge(before, own, parcel.held)
        trails[shipment_id] = Trail(parcel, known[shipment_id], scans, held, unread)
    return trails


def update_events(connection: Connection, trails: Iterable[Trail]) -> None:
    """Store what changed of known events."""
    events = [
        EventRow(
            shipment_id=trail.shipment.shipment_id,
            occurred_at=scan.occurred_at,
            event_hash=scan.event_hash,
            position=scan.position,
            future_dated=scan.future_dated,
            earlier_life=trail.is_earlier(scan),
            withdrawn_at=scan.withdrawn_at,
            status=scan.status,
            sign_kind=scan.sign_kind,
            action=scan.action,
            decided_by=scan.decided_by,
            city=scan.city,
        )
        for trail in trails
        for scan in trail.changed
    ]
    if events:
        connection.execute(query("evaluation.update_events"), EVENTS(events))


def judge_parcels(
    connection: Connection,
    this_run: Run,
    trails: Mapping[int, Trail],
    announce: Mapping[int, bool | None],
    now: datetime,
    *,
    withheld: str = "",
) -> int:
    """
    Store each parcel's verdict, its changes and their notices; returns how many changes.

    :param announce: by shipment id, whether its changes are announced; ``None``: as the platform
        status that made it wait says.
    :param withheld: why notices that are to be sent are suppressed all the same, if they are.
    """
    findings = [
        _find(trail, announce[shipment_id], now, withheld)
        for shipment_id, trail in sorted(trails.items())
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
    for row in connection.execute(query("evaluation.parcels"), binds):
        parcels[row.order_id].append(_parcel(row))
        if row.listed_at is None:
            unlisted[row.order_id] = max(
                row.first_seen_at, unlisted.get(row.order_id, row.first_seen_at)
            )
    rows = connection.execute(query("evaluation.rows"), binds).all()
    verdicts = [
        evidence.judge_row(_row(row), parcels[row.order_id], row.has_unshipped_lines)
        for row in rows
    ]
    if verdicts:
        connection.execute(query("evaluation.settle_rows"), ROW_VERDICTS(verdicts))
    settled = [
        _order(order_id, own, unlisted.get(order_id)) for order_id, own in sorted(parcels.items())
    ]
    if settled:
        connection.execute(
            query("evaluation.settle_orders"), ORDER_VERDICTS(settled) | {"now": now}
        )
    polling.plan(connection, list(orders), now=now)
    return sum(
        row.signed_at is None and verdict.signed_at is not None
        for row, verdict in zip(rows, verdicts, strict=True)
    )


def _order(
    order_id: int, parcels: Sequence[ParcelState], unlisted_since: datetime | None
) -> OrderVerdict:
    unconfirmed = [
        parcel.sign_seen_at
        for parcel in parcels
        if parcel.sign_seen_at is not None and parcel.sign_confirmed_at is None
    ]
    moved = [parcel.last_event_at for parcel in parcels if parcel.last_event_at is not None]
    return OrderVerdict(
        order_id=order_id,
        status=str(evidence.least_advanced(parcels)),
        all_signed=evidence.all_signed(parcels),
        unconfirmed_since=min(unconfirmed, default=None),
        unlisted_since=unlisted_since,
        last_event_at=max(moved, default=None),
    )


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
        earlier_sign_at=row.earlier_sign_at,
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

    verdict: ParcelVerdict
    newly_confirmed: bool
    changes: list[ChangeRow]
    notices: list[NoticeRow]


def _find(trail: Trail, announce: bool | None, now: datetime, withheld: str) -> _Finding:
    shipment = trail.shipment
    word = shipment.word
    leading = evidence.leading(trail.scans, shipment.shipped_at)
    verdict = evidence.judge(
        leading,
        word,
        shipment.status,
        shipment.changes,
        lost_at=now,
        renumbered=evidence.is_renumbered(shipment.waybill_no, trail.held),
        aside=trail.kept_aside,
    )
    before = evidence.Signature(
        shipment.signed_at, shipment.sign_seen_at, shipment.sign_confirmed_at
    )
    signature = evidence.settle_signature(
        verdict,
        word,
        before,
        traces_seen_at=shipment.traces_seen_at,
        traces_were_asked=shipment.traces_were_asked,
        now=now,
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
    way = way_of(leading)
    row = ParcelVerdict(
        shipment_id=shipment.shipment_id,
        status=verdict.status,
        announced_status=shipment.announced_status if keeps_announced else verdict.status,
        sign_kind=verdict.sign_kind,
        signed_at=signature.signed_at,
        sign_seen_at=signature.seen_at,
        sign_confirmed_at=signature.confirmed_at,
        event_count=sum(scan.withdrawn_at is None for scan in trail.scans),
        first_event_at=leading[0].occurred_at if leading else None,
        last_event_at=newest.occurred_at if newest else None,
        last_event_hash=newest.event_hash if newest else None,
        trace_fetched_at=trail.held.fetched_at if trail.held else None,
        trace_since=trail.held.since if trail.held else None,
        trace_waybill_no=trail.held.waybill_no if trail.held else None,
        picked_up_at=way.picked_up_at,
        out_for_delivery_at=way.out_for_delivery_at,
        origin_city=way.origin_city,
        last_city=way.last_city,
    )
    changes = [
        ChangeRow(
            event_id=uuid5(
                EVENT_IDS,
                f"{shipment.account}/{shipment.consignment_id}/{step.to_status}/{step.evidence}",
            ),
            shipment_id=shipment.shipment_id,
            from_status=step.from_status,
            to_status=step.to_status,
            occurred_at=step.occurred_at,
        )
        for step in verdict.transitions
    ]
    is_announced = shipment.platform_announce if announce is None else announce
    notices = []
    for change in changes:
        state, reason = _notice_state(
            change,
            is_announced=is_announced,
            newest=change is changes[-1],
            is_quiet=is_quiet,
            of=shipment,
            now=now,
        )
        if withheld and state == "pending":
            state, reason = "suppressed", withheld
        notices.append(
            NoticeRow(
                event_id=change.event_id,
                shipment_id=shipment.shipment_id,
                reason=reason,
                from_status=shipment.announced_status,
                state=state,
                held=is_open,
            )
        )
    newly_confirmed = bool(signature.confirmed_at and not shipment.sign_confirmed_at)
    return _Finding(row, newly_confirmed, changes, notices)


def _notice_state(
    change: ChangeRow,
    *,
    is_announced: bool,
    newest: bool,
    is_quiet: bool,
    of: StoredParcel,
    now: datetime,
) -> tuple[str, str]:
    """State and reason of the change's notice."""
    if not is_announced:
        return "suppressed", "backfill"
    if not newest:
        return "suppressed", "superseded"
    if not of.is_awaited:
        return "suppressed", "closed"
    if change.to_status == of.announced_status:
        # Only a signature that was never confirmed lies between.
        return "suppressed", "unchanged"
    if is_quiet:
        return "suppressed", "step withdrawn"
    # A platform status counts from when it was fetched, so its age says nothing after pruning.
    is_seen_again = of.was_pruned and of.status == Status.PENDING
    if of.event_count == 0 and (is_seen_again or change.occurred_at < now - FIRST_SIGHT):
        return "suppressed", "first sight"
    return "pending", change.to_status


def _write(
    connection: Connection, this_run: Run, findings: Sequence[_Finding], now: datetime
) -> None:
    def execute(name: str, **binds: Any) -> None:
        connection.execute(query(f"evaluation.{name}"), binds)

    if not findings:
        return
    execute("judge", **PARCEL_VERDICTS(finding.verdict for finding in findings))
    waiting = [
        finding.verdict.shipment_id
        for finding in findings
        if finding.verdict.sign_seen_at and not finding.verdict.sign_confirmed_at
    ]
    if waiting:
        execute("give_up_held", shipments=waiting)
    changed = [finding for finding in findings if finding.changes]
    if changed:
        changes = [change for finding in changed for change in finding.changes]
        notices = [notice for finding in changed for notice in finding.notices]
        execute("changes", now=now, run_id=this_run.run_id, **CHANGES(changes))
        execute("coalesce", shipments=[finding.verdict.shipment_id for finding in changed])
        execute("notices", now=now, **NOTICES(notices))
    confirmed = [finding.verdict.shipment_id for finding in findings if finding.newly_confirmed]
    if confirmed:
        execute("unhold", shipments=confirmed, now=now)
