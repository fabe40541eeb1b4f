"""Events of a parcel: which are known, which replies still hold, and which of them may lead."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shipment_tracking.domain.models import TraceEvent
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.waybills import fold

FUTURE_TOLERANCE = timedelta(minutes=10)
"""An event dated further ahead of its fetching than this does not lead."""

FURTHEST_EAST = timedelta(hours=6)
"""How far local time is ahead of Beijing's at most. An event abroad that a carrier prints in local
time leads once that time has come; one dated further ahead never does."""

BEFORE_SHIPPING = timedelta(hours=48)
"""What is older than the shipping by more than this belongs to another parcel: carriers reuse
waybill numbers."""

SIGN_ACTIONS = frozenset({"SIGNED", "STA_SIGN"})
"""A platform's codes for an event that prove a signature without the platform's parcel status."""


@dataclass(frozen=True, slots=True)
class Scan:
    """
    A trace event as evidence.

    :param position: its place among the events of the reply, forwards in time.
    :param is_new: since the parcel was judged last.
    :param action: the platform's own code for it, if it gave one.
    :param city: where it happened, if that is known.
    :param withdrawn_at: when a newer reply no longer held it.
    """

    occurred_at: datetime
    position: int
    status: str
    sign_kind: str | None
    event_hash: int
    is_new: bool
    action: str | None = None
    decided_by: str = ""
    future_dated: bool = False
    withdrawn_at: datetime | None = None
    city: str | None = None

    @property
    def key(self) -> tuple[datetime, int]:
        """What tells it from the parcel's other events."""
        return self.occurred_at, self.event_hash


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What one reply holds of a parcel.

    :param scans: all of its events.
    :param rejected: hashes of texts that it holds without a usable time.
    :param is_snapshot: it tells the present state only, and never what came before.
    :param waybill_no: the number that it names the parcel by.
    """

    fetched_at: datetime
    scans: tuple[Scan, ...]
    rejected: frozenset[int] = frozenset()
    is_snapshot: bool = False
    waybill_no: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """
    The newest reply that held events of a parcel.

    :param since: the time of its oldest event.
    """

    fetched_at: datetime
    since: datetime
    waybill_no: str | None = None


def merge(
    known: Iterable[Scan], replies: Iterable[Reply], held: Held | None
) -> tuple[list[Scan], Held | None]:
    """
    The parcel's events after some replies, by time and position, and the newest reply.

    The result depends on what the replies hold and on when they were fetched; it does not depend
    on the order in which they are merged, on repetition, or on how they are split over calls.
    """
    trail = {scan.key: scan for scan in known}
    for reply in sorted(_joined(replies), key=lambda reply: reply.fetched_at):
        if not reply.scans:
            continue
        if reply.is_snapshot:
            for scan in reply.scans:
                trail.setdefault(scan.key, scan)
        elif held is None or reply.fetched_at >= held.fetched_at:
            _take_newest(trail, reply, held)
            since = min(scan.occurred_at for scan in reply.scans)
            held = Held(reply.fetched_at, since, reply.waybill_no)
        else:
            for scan in reply.scans:
                gone = held.fetched_at if scan.occurred_at >= held.since else None
                trail.setdefault(scan.key, replace(scan, withdrawn_at=gone) if gone else scan)
    return sorted(trail.values(), key=_by_time), held


def read_again(known: Iterable[Scan], replies: Iterable[Reply]) -> tuple[list[Scan], int]:
    """
    The known events, each as the newest of the replies that hold it reads it now.

    :returns: them, and how many none of the replies holds: those are left as they are.
    """
    holds: dict[tuple[datetime, int], Scan] = {}
    for reply in sorted(_joined(replies), key=lambda reply: reply.fetched_at):
        holds |= _by_key(reply)
    before = list(known)
    after = [
        replace(
            scan,
            position=read.position,
            status=read.status,
            sign_kind=read.sign_kind,
            action=read.action,
            decided_by=read.decided_by,
        )
        if (read := holds.get(scan.key))
        else scan
        for scan in before
    ]
    return after, sum(scan.key not in holds for scan in before)


def _by_key(reply: Reply) -> dict[tuple[datetime, int], Scan]:
    """The reply's events; of several alike the first, but for one with a code."""
    holds: dict[tuple[datetime, int], Scan] = {}
    for scan in reply.scans:
        if scan.key not in holds or not holds[scan.key].action:
            holds[scan.key] = scan
    return holds


def _joined(replies: Iterable[Reply]) -> Iterable[Reply]:
    """Parts that were fetched at the same time are one reply."""
    joined: dict[datetime, Reply] = {}
    for reply in replies:
        first = joined.get(reply.fetched_at)
        joined[reply.fetched_at] = (
            replace(
                first, scans=first.scans + reply.scans, rejected=first.rejected | reply.rejected
            )
            if first
            else reply
        )
    return joined.values()


def _take_newest(
    trail: dict[tuple[datetime, int], Scan], reply: Reply, before: Held | None
) -> None:
    """
    Add what the newest reply holds, read anew what it repeats, withdraw what it lacks.

    A platform's own code for a signature is withdrawn only by another step at its time: a reply
    that lacks it may be an old one. Where the number was corrected and nothing of the old trace is
    left, that trace was another parcel's.
    """
    holds = _by_key(reply)
    since = min(scan.occurred_at for scan in reply.scans)
    times = {scan.occurred_at for scan in reply.scans}
    is_another = _is_another_parcel(reply, before, holds.keys() & trail.keys())
    edited: set[tuple[datetime, str]] = set()
    for key, scan in trail.items():
        lacks = key not in holds and scan.event_hash not in reply.rejected
        stays = scan.action in SIGN_ACTIONS and scan.occurred_at not in times
        is_gone = is_another or (lacks and scan.occurred_at >= since and not stays)
        if scan.withdrawn_at is None and is_gone:
            trail[key] = replace(scan, withdrawn_at=reply.fetched_at)
            edited.add((scan.occurred_at, scan.status))
    for key, scan in holds.items():
        known = trail.get(key)
        trail[key] = (
            replace(scan, is_new=known.is_new, future_dated=known.future_dated)
            if known
            # The same step in other words is no news.
            else replace(scan, is_new=(scan.occurred_at, scan.status) not in edited)
        )


def is_renumbered(waybill_no: str | None, held: Held | None) -> bool:
    """
    Whether a parcel has another waybill number than its newest reply gave it.

    :param waybill_no: the number it has now.
    """
    was, now = fold(held.waybill_no) if held else None, fold(waybill_no)
    return was is not None and now is not None and was != now


def _is_another_parcel(reply: Reply, before: Held | None, repeated: Collection[object]) -> bool:
    """Whether the parcel's number was corrected to that of another one."""
    return is_renumbered(reply.waybill_no, before) and not repeated


def _by_time(scan: Scan) -> tuple[datetime, int, int]:
    return scan.occurred_at, scan.position, scan.event_hash


def is_earlier_life(scan: Scan, shipped_at: datetime | None) -> bool:
    """Whether an event belongs to another parcel that had the waybill number before."""
    return shipped_at is not None and scan.occurred_at < shipped_at - BEFORE_SHIPPING


def leading(trail: Iterable[Scan], shipped_at: datetime | None) -> list[Scan]:
    """
    The events that may lead, in their order.

    :param shipped_at: when the parcel's first order was shipped; ``None`` where the ERP does not
        say.
    """
    return [
        scan
        for scan in trail
        if scan.withdrawn_at is None
        and not scan.future_dated
        and not is_earlier_life(scan, shipped_at)
    ]


def is_future_dated(occurred_at: datetime, fetched_at: datetime, now: datetime) -> bool:
    """
    Whether an event is dated too far ahead to lead.

    :param fetched_at: when it was fetched first.
    """
    ahead = occurred_at - fetched_at
    if ahead <= FUTURE_TOLERANCE:
        return False
    return ahead > FURTHEST_EAST or occurred_at > now + FUTURE_TOLERANCE


def shows_signature(events: Sequence[TraceEvent], asked_at: datetime) -> bool:
    """
    Whether the newest event of a reply, or a platform's code in it, says that it is signed.

    :param asked_at: an event dated later says nothing; one without a time is dated by it.
    """
    known = [
        (event.occurred_at or asked_at, event.position, event)
        for event in events
        if event.status != Status.UNKNOWN
        and (event.occurred_at or asked_at) <= asked_at + FUTURE_TOLERANCE
    ]
    if not known:
        return False
    newest = max(known, key=lambda dated: dated[:2])[2]
    return newest.status == Status.SIGNED or any(
        event.action in SIGN_ACTIONS for _, _, event in known
    )
