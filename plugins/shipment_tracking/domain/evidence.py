"""
The rules of evidence: what leads, what proves a signature, what withdraws one, what belongs to an
earlier life of a waybill number, and when an order is signed.

Pure functions. Evidence on a parcel is its trace events and its status by the platform; each reply
lists all events of a parcel, so what the newest reply no longer holds is no evidence any more.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from shipment_tracking.domain.models import TraceEvent
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.waybills import fold, split

CONFIRM_WITHIN = timedelta(hours=24)
"""How long a signature known by its text only waits for the platform before it counts."""

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

# A platform status that is final or bad leads over the events known when it was fetched.
LEADING_PLATFORM_STATUSES = frozenset(
    {Status.SIGNED, Status.EXCEPTION, Status.CANCELLED, Status.RETURNING}
)
CONTRADICTS_SIGN = frozenset(
    {Status.RETURNING, Status.RETURNED, Status.DELIVERY_FAILED, Status.EXCEPTION}
)
_MOVING = frozenset(
    {
        Status.INFO_RECEIVED,
        Status.PICKED_UP,
        Status.IN_TRANSIT,
        Status.OUT_FOR_DELIVERY,
        Status.READY_FOR_PICKUP,
    }
)

# An order's status is that of its least advanced live parcel; what went wrong leads.
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
_RANK = {str(status): rank for rank, status in enumerate(LEADS_ORDER)}


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


@dataclass(frozen=True, slots=True)
class PlatformWord:
    """
    A parcel status by the platform.

    :param since: when this status was fetched first; from then on it outweighs older events.
    :param fetched_at: when it was fetched last.
    """

    status: str
    code: str
    since: datetime
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Transition:
    """
    One step of a parcel from status to status; ``evidence`` tells two alike apart.

    :param is_news: a new event or the platform's status leads to it, and not an event that was
        known and leads again since others were withdrawn.
    """

    from_status: str
    to_status: str
    occurred_at: datetime
    evidence: str
    is_news: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What all evidence says together.

    :param confirmed: the platform proves the signature: by its parcel status or its code for an
        event, never by a text.
    :param undated_since: since when the platform says signed while no event tells when: there is
        none, the parcel moved between it and then, or its number was corrected since.
    """

    status: str
    signed_at: datetime | None
    sign_kind: str | None
    confirmed: bool
    transitions: tuple[Transition, ...]
    undated_since: datetime | None = None


def judge(
    trail: Sequence[Scan],
    word: PlatformWord | None,
    before: str,
    changes: int = 0,
    lost_at: datetime | None = None,
    *,
    renumbered: bool = False,
) -> Verdict:
    """
    Weigh all evidence on one parcel.

    :param trail: its events that may lead, by time and position.
    :param word: its status by the platform, if any was fetched.
    :param before: the status it was last judged to have.
    :param changes: how many transitions led there.
    :param lost_at: dates the transition of a parcel that has no evidence left.
    :param renumbered: the parcel has another waybill number than its events were fetched by, so
        that they may be another parcel's.
    """
    readings = _read(trail, word)
    led_by_platform = word is not None and _leads(word, readings)
    moved_on = False
    if word and led_by_platform and word.status == Status.SIGNED:
        kept = _without_strays(readings)
        moved_on = any(scan.occurred_at <= word.since for scan, _ in readings[len(kept) :])
        readings = kept
    last = readings[-1] if readings else None
    status = last[1] if last else str(Status.PENDING)
    if word and led_by_platform:
        returned = word.status == Status.SIGNED and _return_began(readings)
        status = str(Status.RETURNED) if returned else word.status

    # Once the platform's word leads, events that it outweighs change nothing when they come late.
    outweighed = led_by_platform and status == before
    transitions = () if outweighed else _transitions(readings, before)
    reached = transitions[-1].to_status if transitions else before
    if status != reached:
        occurred_at, evidence = (
            (word.since, f"platform {word.code} {word.since.isoformat()}")
            if word and (led_by_platform or last is None)
            else (_leads_again_since(last[0], word), _evidence(last[0]))
            if last
            else (lost_at, "no evidence")
        )
        if occurred_at is not None:
            # The same evidence may have led to the same status before.
            evidence = f"{evidence} after {changes} changes"
            is_news = word is not None and (led_by_platform or last is None)
            step = Transition(reached, status, occurred_at, evidence, is_news)
            transitions = (*transitions, step)

    if status != Status.SIGNED:
        return Verdict(status, None, None, False, transitions)
    signs = _signs(readings)
    sign = signs[0] if signs else None
    confirmed = any(scan.action in SIGN_ACTIONS for scan in signs) or (
        word is not None
        and word.status == Status.SIGNED
        and (led_by_platform or (sign is not None and word.fetched_at >= sign.occurred_at))
    )
    signed_at = sign.occurred_at if sign else word.since if word else None
    kind = ((sign.sign_kind if sign else None) or "platform") if confirmed else "text"
    undated_since = word.since if word and (moved_on or sign is None or renumbered) else None
    return Verdict(status, signed_at, kind, confirmed, transitions, undated_since)


@dataclass(frozen=True, slots=True)
class Signature:
    """
    What is kept of a parcel's signature; all ``None`` while it has none.

    :param seen_at: when it was first seen.
    :param confirmed_at: when it was first held for proved.
    """

    signed_at: datetime | None = None
    seen_at: datetime | None = None
    confirmed_at: datetime | None = None


def settle_signature(
    verdict: Verdict,
    word: PlatformWord | None,
    before: Signature,
    *,
    traces_seen_at: datetime | None,
    traces_were_asked: bool,
    now: datetime,
) -> Signature:
    """
    Decide whether a parcel's signature is confirmed; a confirmed one never moves.

    The platform's status needs the event that tells when, or traces that were asked for later and
    know of none, or a day after which it still holds though traces were asked for. An event does
    not tell when if the parcel moved after it and before the platform said signed, or if the
    parcel's number was corrected after it was fetched. A text is enough once the traces, asked for
    a day after it was first seen, still hold it.

    :param traces_seen_at: when the platform last gave the parcel's traces, all of which are loaded.
    :param traces_were_asked: whether they were asked for since the platform says signed and there
        are none, or asking fails time and again.
    """
    if verdict.status != Status.SIGNED:
        return Signature()
    seen_at = before.seen_at or now
    if before.confirmed_at:
        return Signature(before.signed_at, seen_at, before.confirmed_at)
    undated_since = verdict.undated_since
    proved = verdict.confirmed and (
        undated_since is None
        or (traces_seen_at is not None and traces_seen_at >= undated_since)
        or (
            word is not None
            and traces_were_asked
            and word.fetched_at >= undated_since + CONFIRM_WITHIN
        )
    )
    stood = traces_seen_at is not None and traces_seen_at >= seen_at + CONFIRM_WITHIN
    return Signature(verdict.signed_at, seen_at, now if proved or stood else None)


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


@dataclass(frozen=True, slots=True)
class ParcelState:
    """A judged parcel that its platform still lists for an order."""

    shipment_id: int
    status: str
    sign_kind: str | None
    signed_at: datetime | None
    sign_confirmed_at: datetime | None
    sign_seen_at: datetime | None
    sign_event: UUID | None
    waybill_no: str | None
    waybills: tuple[str, ...]
    last_event: str | None
    last_event_at: datetime | None

    @property
    def is_signed(self) -> bool:
        """Whether its signature is confirmed."""
        return self.status == Status.SIGNED and self.sign_confirmed_at is not None


@dataclass(frozen=True, slots=True)
class RowState:
    """
    A row of the ERP and the signature it was given before.

    :param waybill_no: the parcels that the row stands for, as typed; ``None``: all of the order.
    :param written_event: the signature that the ERP was given; what a person undid
        there is not written a second time.
    """

    erp_key: str
    waybill_no: str | None
    shipped_at: datetime | None
    signed_at: datetime | None
    sign_kind: str | None
    sign_event: UUID | None
    written_event: UUID | None = None


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """How far a row of the ERP is; ``sign_error`` says why it cannot be signed as it stands."""

    erp_key: str
    status: str
    parcels: int
    parcels_signed: int
    signed_at: datetime | None
    sign_kind: str | None
    sign_event: UUID | None
    latest_trace: str | None
    latest_trace_at: datetime | None
    waybill_nos: str | None
    sign_error: str | None


def judge_row(
    row: RowState, parcels: Sequence[ParcelState], has_unshipped_lines: bool | None
) -> RowVerdict:
    """
    Weigh the parcels of an ERP row: all of its order's, or those with its waybill numbers.

    The row is signed when each parcel that is not cancelled is signed and confirmed, and for a
    whole order the platform says that no line is left to ship. Until then it shows its least
    advanced live parcel, at most ``out_for_delivery`` of signed ones. The last signature counts.
    """
    named = _named(row, parcels)
    own = [
        parcel
        for parcel in parcels
        if named is None or not named.keys().isdisjoint(_folded(parcel))
    ]
    known = {number for parcel in parcels for number in _folded(parcel)}
    missing = [typed for number, typed in (named or {}).items() if number not in known]
    live = [parcel for parcel in own if parcel.status != Status.CANCELLED] or own
    expected = [parcel for parcel in live if parcel.status != Status.CANCELLED]
    signed = [parcel for parcel in expected if parcel.is_signed]
    all_signed = bool(signed) and len(signed) == len(expected)
    is_complete = has_unshipped_lines is False if named is None else not missing
    is_signed = all_signed and is_complete
    last = max(signed, key=_by_signature, default=None)
    signed_at = row.signed_at or (last.signed_at if last else None)
    error = _lacks_parcel(missing, parcels)
    if is_signed and signed_at and row.shipped_at and signed_at < row.shipped_at - BEFORE_SHIPPING:
        is_signed = False
        error = (
            f"its signature of {signed_at:%F %T %Z} is refused, as it is more than 48 hours older "
            f"than its shipping at {row.shipped_at:%F %T %Z}: correct shipped_at in the ERP"
        )
    status = least_advanced(live)
    if status == Status.SIGNED and not is_signed:
        status = Status.OUT_FOR_DELIVERY
    moved = max(
        (parcel for parcel in live if parcel.last_event_at),
        key=lambda parcel: (parcel.last_event_at, parcel.shipment_id),
        default=None,
    )
    return RowVerdict(
        erp_key=row.erp_key,
        status=str(Status.SIGNED if is_signed else status),
        parcels=len(expected),
        parcels_signed=len(signed),
        signed_at=signed_at if is_signed else None,
        sign_kind=(row.sign_kind or (last.sign_kind if last else None)) if is_signed else None,
        sign_event=_event_of(row, last) if is_signed else None,
        latest_trace=moved.last_event if moved else None,
        latest_trace_at=moved.last_event_at if moved else None,
        waybill_nos=_numbers(live),
        sign_error=error,
    )


def _event_of(row: RowState, last: ParcelState | None) -> UUID | None:
    """The status change that signed the row; once the ERP was written, no other one counts."""
    return row.sign_event or row.written_event or (last.sign_event if last else None)


def least_advanced(parcels: Iterable[ParcelState]) -> Status:
    """The status of an order: that of its least advanced parcel, but what went wrong leads."""
    statuses = (parcel.status for parcel in parcels)
    return Status(min(statuses, key=_RANK.__getitem__, default=Status.PENDING))


def all_signed(parcels: Iterable[ParcelState]) -> bool:
    """Whether each parcel that is not cancelled is signed and confirmed, and there is one."""
    expected = [parcel for parcel in parcels if parcel.status != Status.CANCELLED]
    return bool(expected) and all(parcel.is_signed for parcel in expected)


def _named(row: RowState, parcels: Sequence[ParcelState]) -> dict[str | None, str] | None:
    """The row's numbers as typed, by their folded form: one if a parcel has it so, else each."""
    if row.waybill_no is None:
        return None
    whole = fold(row.waybill_no)
    is_one = any(whole in _folded(parcel) for parcel in parcels)
    typed = [row.waybill_no] if is_one else split(row.waybill_no)
    return {fold(number): number for number in typed}


def _folded(parcel: ParcelState) -> set[str | None]:
    return {fold(number) for number in parcel.waybills}


def _lacks_parcel(missing: Sequence[str], parcels: Sequence[ParcelState]) -> str | None:
    listed = _numbers(parcels)
    if not missing or not listed:
        return None
    return (
        f"no parcel of the order carries the waybill number {', '.join(missing)!r}; its platform "
        f"lists {listed}: correct waybill_no in the ERP"
    )


def _numbers(parcels: Sequence[ParcelState]) -> str | None:
    """The parcels' waybill numbers, each once, in the order in which the parcels became known."""
    numbers: dict[str, str] = {}
    for parcel in sorted(parcels, key=lambda parcel: parcel.shipment_id):
        folded = fold(parcel.waybill_no)
        if folded and parcel.waybill_no:
            numbers.setdefault(folded, parcel.waybill_no.strip())
    return ",".join(numbers.values()) or None


def _by_signature(parcel: ParcelState) -> tuple[datetime, int]:
    assert parcel.signed_at is not None
    return parcel.signed_at, parcel.shipment_id


_Reading = tuple[Scan, str]


def _read(trail: Sequence[Scan], word: PlatformWord | None) -> list[_Reading]:
    """
    Each event with the status it stands for, once it is known whether a return has begun.

    After a proved signature a moving parcel is a stray scan, until the signature is contradicted.
    """
    readings: list[_Reading] = []
    returning = proved = False
    return_since = word.since if word and word.status == Status.RETURNING else None
    sign_since = word.since if word and word.status == Status.SIGNED else None
    for scan in trail:
        status = scan.status
        returning |= return_since is not None and scan.occurred_at > return_since
        if status in (Status.RETURNING, Status.RETURNED):
            returning = True
        elif returning and status == Status.SIGNED:
            status = str(Status.RETURNED)
        elif returning and status in _MOVING:
            status = str(Status.RETURNING)
        if sign_since is not None and scan.occurred_at > sign_since:
            proved, sign_since = True, None
        if status in CONTRADICTS_SIGN:
            proved = False
        elif status == Status.SIGNED:
            proved |= scan.action in SIGN_ACTIONS
        elif proved:
            continue
        if status != Status.UNKNOWN or not readings:
            readings.append((scan, status))
        if len(readings) > 1 and readings[0][1] == Status.UNKNOWN:
            del readings[0]
    return readings


def _without_strays(readings: list[_Reading]) -> list[_Reading]:
    """Without what moves behind the last signature, which the platform holds for true."""
    for number in range(len(readings) - 1, -1, -1):
        status = readings[number][1]
        if status == Status.SIGNED:
            return readings[: number + 1]
        if status not in _MOVING:
            break
    return readings


def _return_began(readings: Sequence[_Reading]) -> bool:
    return any(status in (Status.RETURNING, Status.RETURNED) for _, status in readings)


def _leads(word: PlatformWord, readings: Sequence[_Reading]) -> bool:
    """Whether the platform's status outweighs the events."""
    if not readings:
        return True
    if word.status not in LEADING_PLATFORM_STATUSES:
        return False
    later = [status for scan, status in readings if scan.occurred_at > word.since]
    if word.status == Status.SIGNED:
        return not any(status in CONTRADICTS_SIGN for status in later)
    if word.status == Status.RETURNING and readings[-1][1] == Status.RETURNED:
        return False
    return not later


def _transitions(readings: Sequence[_Reading], before: str) -> tuple[Transition, ...]:
    """The steps that the new events add behind the newest event known before."""
    known = [number for number, (scan, _) in enumerate(readings) if not scan.is_new]
    steps: list[Transition] = []
    reached = before
    for scan, status in readings[known[-1] + 1 if known else 0 :]:
        if status != reached:
            steps.append(Transition(reached, status, scan.occurred_at, _evidence(scan)))
            reached = status
    return tuple(steps)


def _signs(readings: Sequence[_Reading]) -> list[Scan]:
    """
    The signatures of the last run of them; its first one is when the parcel was signed.

    A contradiction ends all runs before it. So does a moving parcel, if it is signed again later:
    the courier had signed too early.
    """
    run: list[Scan] = []
    moved = False
    for scan, status in readings:
        if status == Status.SIGNED:
            run = [scan] if moved else [*run, scan]
            moved = False
        elif status in CONTRADICTS_SIGN:
            run = []
        elif status in _MOVING:
            moved = True
    return run


def _leads_again_since(scan: Scan, word: PlatformWord | None) -> datetime:
    """A known event leads again since the platform's word gave way."""
    return max(scan.occurred_at, word.since) if word else scan.occurred_at


def _evidence(scan: Scan) -> str:
    return f"event {scan.event_hash} {scan.occurred_at.isoformat()}"
