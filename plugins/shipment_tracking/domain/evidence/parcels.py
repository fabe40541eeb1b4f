"""Judges a parcel by its events and the word of its platform: how far it is, and whether signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shipment_tracking.domain.evidence.scans import SIGN_ACTIONS, Scan
from shipment_tracking.domain.statuses import Status

CONFIRM_WITHIN = timedelta(hours=24)
"""How long a signature known by its text only waits for the platform before it counts."""

# A platform status that is final or bad leads over the events known when it was fetched.
LEADING_PLATFORM_STATUSES = frozenset(
    {Status.SIGNED, Status.EXCEPTION, Status.CANCELLED, Status.RETURNING}
)
CONTRADICTS_SIGN = frozenset(
    {Status.RETURNING, Status.RETURNED, Status.DELIVERY_FAILED, Status.EXCEPTION}
)
BY_ACTION = "action"
"""What decided an event that has the platform's own code."""

_MOVING = frozenset(
    {
        Status.INFO_RECEIVED,
        Status.PICKED_UP,
        Status.IN_TRANSIT,
        Status.OUT_FOR_DELIVERY,
        Status.READY_FOR_PICKUP,
    }
)


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
    :param is_earlier: the only signature that the events tell of is another parcel's, which had
        the waybill number before: the platform may say signed because of that one.
    :param is_ahead: the only one is dated too far ahead to lead yet.
    """

    status: str
    signed_at: datetime | None
    sign_kind: str | None
    confirmed: bool
    transitions: tuple[Transition, ...]
    undated_since: datetime | None = None
    is_earlier: bool = False
    is_ahead: bool = False


def judge(
    trail: Sequence[Scan],
    word: PlatformWord | None,
    before: str,
    changes: int = 0,
    lost_at: datetime | None = None,
    *,
    renumbered: bool = False,
    aside: Sequence[Scan] = (),
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
    :param aside: its events that may not lead, but for those that were withdrawn.
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
    kept_aside = [scan for scan in aside if scan.status == Status.SIGNED and sign is None]
    return Verdict(
        status,
        signed_at,
        kind,
        confirmed,
        transitions,
        undated_since,
        is_earlier=any(not scan.future_dated for scan in kept_aside),
        is_ahead=any(scan.future_dated for scan in kept_aside),
    )


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

    A parcel that lost its signature and was signed again has a new one, also where one reply tells
    of both.

    The platform's status needs the event that tells when, or traces that were asked for later and
    know of none, or a day after which it still holds though traces were asked for. An event does
    not tell when if the parcel moved after it and before the platform said signed, or if the
    parcel's number was corrected after it was fetched. A text is enough once the traces, asked for
    a day after it was first seen, still hold it.

    The platform's status alone proves nothing while the only signature in the traces is an earlier
    parcel's, and waits for its day while the only one is dated ahead.

    :param traces_seen_at: when the platform last gave the parcel's traces, all of which are loaded.
    :param traces_were_asked: whether they were asked for since the platform says signed and there
        are none, or asking fails time and again.
    """
    if verdict.status != Status.SIGNED:
        return Signature()
    if any(step.from_status == Status.SIGNED for step in verdict.transitions):
        before = Signature()
    seen_at = before.seen_at or now
    if before.confirmed_at:
        return Signature(before.signed_at, seen_at, before.confirmed_at)
    if verdict.is_earlier:
        return Signature(verdict.signed_at, seen_at, None)
    undated_since = verdict.undated_since
    proved = verdict.confirmed and (
        undated_since is None
        or (not verdict.is_ahead and traces_seen_at is not None and traces_seen_at >= undated_since)
        or (
            word is not None
            and traces_were_asked
            and word.fetched_at >= undated_since + CONFIRM_WITHIN
        )
    )
    stood = traces_seen_at is not None and traces_seen_at >= seen_at + CONFIRM_WITHIN
    return Signature(verdict.signed_at, seen_at, now if proved or stood else None)


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
        if _contradicts(scan, status):
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
        scan, status = readings[number]
        if status == Status.SIGNED:
            return readings[: number + 1]
        if status not in _MOVING and not _is_told_trouble(scan, status):
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
    later = [(scan, status) for scan, status in readings if scan.occurred_at > word.since]
    if word.status == Status.SIGNED:
        return not any(_contradicts(scan, status) for scan, status in later)
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

    A contradiction ends all runs before it. So does a moving parcel, or one in trouble, if it is
    signed again later: the courier had signed too early.
    """
    run: list[Scan] = []
    moved = False
    for scan, status in readings:
        if status == Status.SIGNED:
            run = [scan] if moved else [*run, scan]
            moved = False
        elif _contradicts(scan, status):
            run = []
        elif status in _MOVING or _is_told_trouble(scan, status):
            moved = True
    return run


def _contradicts(scan: Scan, status: str) -> bool:
    """Whether an event denies the signature before it."""
    return status in CONTRADICTS_SIGN and not _is_told_trouble(scan, status)


def _is_told_trouble(scan: Scan, status: str) -> bool:
    """
    Whether only a text tells of trouble: a delay, or an answer to a complaint.

    The platform's own code for it (lost), or for the parcel, is more.
    """
    return status == Status.EXCEPTION and scan.decided_by != BY_ACTION


def _leads_again_since(scan: Scan, word: PlatformWord | None) -> datetime:
    """A known event leads again since the platform's word gave way."""
    return max(scan.occurred_at, word.since) if word else scan.occurred_at


def _evidence(scan: Scan) -> str:
    return f"event {scan.event_hash} {scan.occurred_at.isoformat()}"
