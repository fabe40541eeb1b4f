"""What an answer of TOP tells of parcels and their traces; nothing is asked for."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from shipment_tracking.domain.models import Parcel, ParcelTrace
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.texts import Reading, classify, sign_kind
from shipment_tracking.domain.waybills import fold
from shipment_tracking.errors import ReplyError, RetryableError
from shipment_tracking.platforms import times
from shipment_tracking.platforms.ports import Json, Waybills
from shipment_tracking.platforms.refusals import SHANGHAI
from shipment_tracking.platforms.replies import (
    LONGEST_ID,
    LONGEST_NUMBER,
    id_of,
    masked_text,
    reading,
    refuse_other,
    rows,
    text_of,
    unless_unusable,
    without_id,
    word_of,
)
from shipment_tracking.platforms.scans import Step, scans_of
from shipment_tracking.platforms.times import printed_time

PARCEL_STATUSES: Mapping[str, Status] = {
    "CREATED": Status.PENDING,
    "RECREATED": Status.PENDING,
    "SENDING": Status.INFO_RECEIVED,
    "ACCEPTING": Status.INFO_RECEIVED,
    "ACCEPTED": Status.INFO_RECEIVED,
    "PICK_UP": Status.PICKED_UP,
    "REJECTED": Status.EXCEPTION,
    "PICK_UP_FAILED": Status.EXCEPTION,
    "LOST": Status.EXCEPTION,
    "CANCELLED": Status.CANCELLED,
    "CLOSED": Status.CANCELLED,
    "REJECTED_BY_RECEIVER": Status.RETURNING,
    # 对方已签收; but a parcel whose carrier the seller hired says so from its shipping on, and
    # nothing tells these parcels apart: it proves that it was shipped, and a trace the sign.
    "ACCEPTED_BY_RECEIVER": Status.INFO_RECEIVED,
}
ACTIONS: Mapping[str, Status] = {
    "CREATE": Status.INFO_RECEIVED,
    "CONSIGN": Status.INFO_RECEIVED,
    "GOT": Status.PICKED_UP,
    "ARRIVAL": Status.IN_TRANSIT,
    "ARRIVE": Status.IN_TRANSIT,
    "DEPARTURE": Status.IN_TRANSIT,
    "SENT_CITY": Status.IN_TRANSIT,
    "TO_EMS": Status.IN_TRANSIT,
    "SENT_SCAN": Status.OUT_FOR_DELIVERY,
    "STA_INBOUND": Status.READY_FOR_PICKUP,
    "SIGNED": Status.SIGNED,
    "STA_SIGN": Status.SIGNED,
    "FAILED": Status.DELIVERY_FAILED,
    "REJECT": Status.RETURNING,
    "LOST": Status.EXCEPTION,
}
ANY_HOP = "OTHER"
RETURN_ACTIONS = "RT_"


def read_traces(body: Json) -> list[ParcelTrace]:
    """
    The parcels and events of an answer that ``fetch_traces`` returned.

    A part without its id costs only itself.

    :raises ReplyError: it is not what ``fetch_traces`` writes.
    """
    with reading("a trace of TOP", ReplyError):
        parts = [part for part in body["transit_step_result"] if isinstance(part, dict)]
        found = [_trace(part) for part in parts if id_of(part.get("order_code"))]
    return unless_unusable(found, body)


def read_time(value: Any) -> datetime:
    """
    A platform time in UTC: ``2026-09-18 10:43:33``, naive GMT+8, or as ``times.read_time`` reads.

    :raises ReplyError: it is not a time.
    """
    try:
        return times.read_time(value, SHANGHAI)
    except (ValueError, OverflowError, OSError) as error:
        raise ReplyError(f"not a time of TOP: {text_of(value)!r}") from error


def _meaning(description: str, action: str | None) -> Reading:
    """The action's meaning, which wins over the text; but what came back was not signed."""
    by_text = classify(description)
    said = ACTIONS.get(action or "")
    if action and action.startswith(RETURN_ACTIONS):
        said = Status.RETURNING
    if action == ANY_HOP and by_text.status is Status.UNKNOWN:
        said = Status.IN_TRANSIT
    if said is None or (said is Status.SIGNED and by_text.status is Status.RETURNED):
        return by_text
    return Reading(said, sign_kind(description) if said is Status.SIGNED else None, "action")


def whole_number(value: Any) -> int:
    """A number from 0 on, whatever its type; 0 for what is none."""
    digits = text_of(value)
    return int(digits) if digits.isdecimal() and len(digits) <= LONGEST_NUMBER else 0


def parts_of(body: Json) -> list[Json]:
    """The parcels' parts of an answer to ``TRACE_GET``, or the one that ``TRACE_SEARCH`` is."""
    refuse_other(body, ("result", "transit_step_result", "trace_list"))
    return rows(body.get("result", body), "transit_step_result")


def steps_of(part: Json) -> list[Json]:
    """A parcel's scans."""
    return rows(part.get("trace_list"), "transit_step_info")


def unknown_statuses(body: Json) -> Iterator[str]:
    """What of a parcel list no table knows."""
    for row in rows(body.get("shippings"), "shipping"):
        if status_of(row) is Status.UNKNOWN:
            yield f"parcel status {word_of(row.get('status')) or 'left out'}"
        if not id_of(row.get("order_code")):
            yield "parcel without an id"


def unknown_actions(body: Json) -> Iterator[str]:
    """What of a trace no table knows."""
    for part in parts_of(body):
        for step in steps_of(part):
            action = word_of(step.get("action"))
            if action and action not in ACTIONS and not _is_hop_or_return(action):
                yield f"action {action}"


def _is_hop_or_return(action: str) -> bool:
    return action == ANY_HOP or action.startswith(RETURN_ACTIONS)


def waybill_of(part: Json) -> str:
    """A parcel's waybill number as it is printed; empty when it has none."""
    return id_of(part.get("out_sid"))


def status_of(row: Json) -> Status:
    """The status in a row of the parcel list."""
    return PARCEL_STATUSES.get(word_of(row.get("status")), Status.UNKNOWN)


def read_parcel(row: Json, order_id: str) -> Parcel:
    """A row without its id stands for a parcel all the same: its order is not signed without it."""
    consignment_id = id_of(row.get("order_code"))
    if not consignment_id:
        return without_id(order_id)
    return Parcel(
        consignment_id=consignment_id,
        waybill_no=waybill_of(row) or None,
        carrier_code=None,
        carrier_name=text_of(row.get("company_name")).strip()[:LONGEST_ID] or None,
        platform_code=word_of(row.get("status")),
        platform_status=status_of(row),
    )


def by_number(waybills: Waybills) -> dict[str, list[str]]:
    """The same ids by folded number, each once."""
    found: dict[str, list[str]] = {}
    for waybill_no, ids in waybills.items():
        known = found.setdefault(fold(waybill_no) or "", [])
        known += [each for each in ids if each not in known]
    return found


def consignments_by_number(rows: Iterable[Json]) -> dict[str, list[str]]:
    """Consignment ids by waybill number; a cancelled parcel gives its number up to a new one."""
    live: dict[str, list[str]] = {}
    cancelled: dict[str, list[str]] = {}
    for row in rows:
        found = cancelled if status_of(row) is Status.CANCELLED else live
        if waybill_of(row) and id_of(row.get("order_code")):
            found.setdefault(waybill_of(row), []).append(id_of(row["order_code"]))
    return by_number(cancelled) | by_number(live)


def mask_part(part: Json, consignments: Waybills) -> list[Json]:
    """The part once for each of its parcels."""
    waybill_no, named = waybill_of(part), id_of(part.get("order_code"))
    ids = list(consignments.get(fold(waybill_no) or "", ()))
    known = {each for listed in consignments.values() for each in listed}
    if named and (named in ids or not ids):
        ids = [named]
    elif not waybill_no and len(known) == 1:
        ids = list(known)
    if not ids:
        raise RetryableError("a waybill of the order's trace is in none of its parcels")
    steps = [
        {
            "status_time": printed_time(step.get("status_time")),
            "status_desc": masked_text(step.get("status_desc")),
            "action": word_of(step.get("action")) or None,
        }
        for step in steps_of(part)
    ]
    return [{"order_code": each, "out_sid": waybill_no, "trace_list": steps} for each in ids]


def _trace(part: Json) -> ParcelTrace:
    scans = scans_of(
        (
            Step(
                step.get("status_time"),
                text_of(step.get("status_desc")).strip(),
                word_of(step.get("action")) or None,
            )
            for step in steps_of(part)
        ),
        read_time,
        _meaning,
    )
    waybill_no = id_of(part.get("out_sid")) or None
    return ParcelTrace(id_of(part["order_code"]), waybill_no, scans.events, rejected=scans.rejected)
