"""The rules of evidence: what everything known of a parcel says together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shipment_tracking.domain.statuses import Status

CONFIRM_WITHIN = timedelta(hours=24)
"""How long a sign known by its text alone waits for the platform's word before it counts."""

FUTURE_TOLERANCE = timedelta(minutes=10)
"""An event dated further ahead of its fetching than this never leads."""

SIGN_ACTIONS = frozenset({"SIGNED", "STA_SIGN"})
"""A platform's codes for an event that prove a sign without the platform's parcel status."""

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


@dataclass(frozen=True, slots=True)
class Scan:
    """
    A known trace event as evidence.

    :param is_new: since the parcel was judged last.
    :param action: the platform's own code for it, if it gave one.
    """

    occurred_at: datetime
    position: int
    status: str
    sign_kind: str | None
    event_hash: int
    is_new: bool
    action: str | None = None


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
    """One step of a parcel from status to status; ``evidence`` tells two alike apart."""

    from_status: str
    to_status: str
    occurred_at: datetime
    evidence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What all evidence says together.

    :param confirmed: the sign is the platform's word: its parcel status or its code for an event,
        never a text alone.
    """

    status: str
    signed_at: datetime | None
    sign_kind: str | None
    confirmed: bool
    transitions: tuple[Transition, ...]


def judge(
    trail: Sequence[Scan], word: PlatformWord | None, before: str, changes: int = 0
) -> Verdict:
    """
    Weigh all evidence on one parcel.

    :param trail: its known events without future-dated ones, by time and position.
    :param word: its status by the platform, if any was fetched.
    :param before: the status it was last judged to have.
    :param changes: how many transitions led there.
    """
    readings = _read(trail, word)
    last = readings[-1] if readings else None
    status = last[1] if last else str(Status.PENDING)
    led_by_platform = word is not None and _leads(word, readings)
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
            else (None, "")
        )
        if occurred_at is not None:
            # The same evidence may have led to the same status before.
            evidence = f"{evidence} after {changes} changes"
            transitions = (*transitions, Transition(reached, status, occurred_at, evidence))

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
    return Verdict(status, signed_at, kind, confirmed, transitions)


_Reading = tuple[Scan, str]


def _read(trail: Sequence[Scan], word: PlatformWord | None) -> list[_Reading]:
    """Each event with the status it stands for, once it is known whether a return has begun."""
    readings: list[_Reading] = []
    returning = False
    told_of_return = word.since if word and word.status == Status.RETURNING else None
    for scan in trail:
        status = scan.status
        returning |= told_of_return is not None and scan.occurred_at > told_of_return
        if status in (Status.RETURNING, Status.RETURNED):
            returning = True
        elif returning and status == Status.SIGNED:
            status = str(Status.RETURNED)
        elif returning and status in _MOVING:
            status = str(Status.RETURNING)
        if status != Status.UNKNOWN or not readings:
            readings.append((scan, status))
        if len(readings) > 1 and readings[0][1] == Status.UNKNOWN:
            del readings[0]
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
        # After a sign a stray scan means nothing; only a refusal or failure does.
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
    """The signs behind the last contradiction; the first of them is the one that signed."""
    signs: list[Scan] = []
    for scan, status in readings:
        if status == Status.SIGNED:
            signs.append(scan)
        elif status in CONTRADICTS_SIGN:
            signs.clear()
    return signs


def _leads_again_since(scan: Scan, word: PlatformWord | None) -> datetime:
    """A known event leads again since the platform's word gave way."""
    return max(scan.occurred_at, word.since) if word else scan.occurred_at


def _evidence(scan: Scan) -> str:
    return f"event {scan.event_hash} {scan.occurred_at.isoformat()}"
