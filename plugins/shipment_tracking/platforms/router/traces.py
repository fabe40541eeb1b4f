"""What an answer of a router tells of parcels and their traces; nothing is asked for."""

from collections.abc import Iterator, Mapping

from shipment_tracking.domain.masking import event_hash
from shipment_tracking.domain.models import Parcel, ParcelTrace, TraceEvent
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.texts import classify
from shipment_tracking.errors import ReplyError
from shipment_tracking.platforms.ali1688.traces import read_time
from shipment_tracking.platforms.ports import Json
from shipment_tracking.platforms.replies import (
    LONGEST_ID,
    id_of,
    reading,
    rows,
    text_of,
    unless_unusable,
    word_of,
)
from shipment_tracking.platforms.scans import Scans, Step, scans_of

SIGN_STATUSES: Mapping[str, Status] = {
    "SIGN": Status.SIGNED,
    "UNSIGN": Status.INFO_RECEIVED,  # here: not signed yet
}
ORDER_STATUSES: Mapping[str, tuple[Status, str]] = {
    "1": (Status.INFO_RECEIVED, "已发货"),
    "2": (Status.IN_TRANSIT, "运输中"),
    "3": (Status.SIGNED, "已签收"),
}
SIGN_TEXT = "已签收"


def read_traces(body: Json) -> list[ParcelTrace]:
    """
    The parcels and events of an answer that ``fetch_traces`` of either form returned.

    A part without its ids, or with a status that nobody knows, costs only itself.

    :raises ReplyError: it is not what ``fetch_traces`` writes.
    """
    with reading("a trace of a router", ReplyError):
        found = [
            *(_parcel_trace(part) for part in rows(body.get("traces")) if _has_ids(part)),
            *(_order_trace(part) for part in rows(body.get("orders")) if _has_status(part)),
        ]
    return unless_unusable(found, body)


def read_parcel(row: Json, order_id: str) -> Parcel:
    """
    A row without a number stands for a parcel all the same: its order is not signed without it.

    So does one without a carrier, whose trace cannot be asked for.
    """
    company_code = id_of(row.get("logisticsCode"))
    waybill_no = id_of(row.get("billNo")) or id_of(row.get("mailNo"))
    return Parcel(
        # Without a number it is this order's alone.
        consignment_id=f"{company_code}:{waybill_no or order_id + ' has no number'}",
        waybill_no=waybill_no or None,
        carrier_code=company_code or None,
        carrier_name=text_of(row.get("logisticsCompanyName")).strip()[:LONGEST_ID] or None,
        platform_code=None,
        platform_status=None,
    )


def is_sign(part: Json) -> bool:
    """Whether a trace says of itself that the parcel is signed."""
    return SIGN_STATUSES.get(word_of(part.get("signStatus"))) is Status.SIGNED


def unknown_sign_status(result: Json) -> Iterator[str]:
    """What of a trace no table knows."""
    code = word_of(result.get("signStatus"))
    if code and code not in SIGN_STATUSES:
        yield f"signStatus {code}"


def _has_ids(part: Json) -> bool:
    return bool(id_of(part.get("consignment_id")) and id_of(part.get("billNo")))


def _has_status(part: Json) -> bool:
    return bool(id_of(part.get("order_id")) and word_of(part.get("status")) in ORDER_STATUSES)


def _parcel_trace(part: Json) -> ParcelTrace:
    steps = [
        Step(
            node.get("time"),
            text_of(node.get("desc")).strip(),
            city=text_of(node.get("city")) or None,
        )
        for node in rows(part.get("traceList"))
    ]
    scans = _scans(steps)
    told = {event.status for event in scans.events}
    sign_time = part.get("signTime")
    if is_sign(part) and text_of(sign_time) and not told & {Status.SIGNED, Status.RETURNED}:
        # No scan tells of the sign: its time is all there is.
        steps.insert(0 if scans.newest_first else len(steps), Step(sign_time, SIGN_TEXT))
        scans = _scans(steps)
    code = word_of(part.get("signStatus")) or None
    return ParcelTrace(
        id_of(part["consignment_id"]),
        id_of(part["billNo"]),
        scans.events,
        platform_code=code,
        platform_status=SIGN_STATUSES.get(code, Status.UNKNOWN) if code else None,
        rejected=scans.rejected,
    )


def _scans(steps: list[Step]) -> Scans:
    return scans_of(steps, read_time, lambda description, _: classify(description))


def _order_trace(part: Json) -> ParcelTrace:
    """A status code is one event, dated by the first fetching that saw it."""
    code = word_of(part["status"])
    status, description = ORDER_STATUSES[code]
    event = TraceEvent(None, 0, description, event_hash(description), status)
    return ParcelTrace(id_of(part["order_id"]), None, (event,), code, status)
