"""
Many changes told in few messages: what went wrong is listed in full, the rest as far as it fits.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from shipment_tracking.channels.port import DELAYED, Limits
from shipment_tracking.domain.evidence import CONTRADICTS_SIGN
from shipment_tracking.domain.statuses import Status
from shipment_tracking.notices.messages import DIGEST, SIGN_WITHDRAWN, Messages

LISTED = (
    SIGN_WITHDRAWN,
    Status.EXCEPTION,
    Status.DELIVERY_FAILED,
    Status.RETURNING,
    Status.RETURNED,
)
"""Every parcel of these is listed, over as many messages as that takes, up to ``MOST_MESSAGES``."""

COUNTED = (
    DELAYED,
    Status.UNKNOWN,
    Status.CANCELLED,
    Status.READY_FOR_PICKUP,
    Status.OUT_FOR_DELIVERY,
    Status.SIGNED,
    Status.PICKED_UP,
    Status.IN_TRANSIT,
    Status.INFO_RECEIVED,
    Status.PENDING,
)
"""Parcels of these are listed where there is room, and counted."""

URGENCY = {str(word): rank for rank, word in enumerate((*LISTED, *COUNTED))}
MOST_MESSAGES = 5
Facts = Mapping[str, Any]


def group_of(facts: Facts) -> str:
    """The word under which a change is listed: its status, or that a signature is withdrawn."""
    status = str(facts["reason"])
    is_withdrawn = facts["from_status"] == Status.SIGNED and status in CONTRADICTS_SIGN
    return SIGN_WITHDRAWN if is_withdrawn else status


def split(
    messages: Messages, limits: Limits, changes: Sequence[Facts], *, most: int = MOST_MESSAGES
) -> list[tuple[list[Facts], str]]:
    """
    The changes of each message with its text, the most urgent first.

    :param changes: facts as a status' text gets them; those of one status keep their order.
    :param most: messages; further changes are only counted in the last.
    :raises MessageError: the text cannot be rendered.
    """
    rest = sorted(changes, key=lambda facts: URGENCY[group_of(facts)])
    found: list[tuple[list[Facts], str]] = []
    while rest:
        shown = _most_shown(messages, limits, rest)
        in_full = sum(group_of(facts) in LISTED for facts in rest)
        if len(found) + 1 == most or shown == 0 or shown >= in_full:
            return [*found, (rest, _text(messages, rest, shown))]
        found.append((rest[:shown], _text(messages, rest[:shown], shown)))
        rest = rest[shown:]
    return found


def _most_shown(messages: Messages, limits: Limits, changes: Sequence[Facts]) -> int:
    """How many of the changes a message can list beside the headings and numbers of all."""
    most = min(len(changes), limits.most_items or len(changes))
    return bisect_left(
        range(1, most + 1),
        True,
        key=lambda shown: not limits.hold(_text(messages, changes, shown)),
    )


def _text(messages: Messages, changes: Sequence[Facts], shown: int) -> str:
    groups: dict[str, dict[str, Any]] = {}
    for number, facts in enumerate(changes):
        word = group_of(facts)
        group = groups.setdefault(word, {"status": word, "count": 0, "parcels": [], "more": 0})
        group["count"] += 1
        if number < shown:
            group["parcels"].append(facts)
        else:
            group["more"] += 1
    return messages.text(DIGEST, {"count": len(changes), "groups": list(groups.values())})
