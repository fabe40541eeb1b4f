"""What an answer of 1688 tells of parcels and their traces; nothing is asked for."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from shipment_tracking.domain.models import Parcel, ParcelTrace
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.texts import classify
from shipment_tracking.errors import ReplyError
from shipment_tracking.platforms import times
from shipment_tracking.platforms.ports import Json
from shipment_tracking.platforms.refusals import SHANGHAI
from shipment_tracking.platforms.replies import (
    LONGEST_ID,
    id_of,
    masked_text,
    reading,
    rows,
    text_of,
    unless_unusable,
    without_id,
    word_of,
)
from shipment_tracking.platforms.scans import Scans, Step, scans_of
from shipment_tracking.platforms.times import printed_time

PARCEL_STATUSES: Mapping[str, Status] = {
    "WAITACCEPT": Status.INFO_RECEIVED,
    "ACCEPT": Status.INFO_RECEIVED,
    "TRANSPORT": Status.IN_TRANSIT,
    "SIGN": Status.SIGNED,
    "UNSIGN": Status.EXCEPTION,  # a sign exception, not "unsigned"
    "NOGET": Status.EXCEPTION,
    "CANCEL": Status.CANCELLED,
}
TRACE_FIELDS = ("logisticsTrace", "crossPackageFulfillmentDTO")

_COMPANY_CODE = re.compile(r"\s*[（(][A-Za-z]+[)）]$")


def read_traces(body: Json) -> list[ParcelTrace]:
    """
    The parcels and events of an answer that ``fetch_traces`` returned.

    A part without its id costs only itself.

    :raises ReplyError: it is not what the platform documents.
    """
    with reading("a trace of 1688", ReplyError):
        found = [*_domestic(body), *_cross_border(body)]
    return unless_unusable(found, body)


def read_time(value: Any) -> datetime:
    """
    A platform time in UTC, in any spelling of ``times.read_time``; it prints four of them.

    Without an offset it is Beijing time: ``20260918104333000+0800`` is ``2026-09-18 10:43:33``.

    :raises ReplyError: it is not a time.
    """
    try:
        return times.read_time(value, SHANGHAI)
    except (ValueError, OverflowError, OSError) as error:
        raise ReplyError(f"not a time of 1688: {text_of(value)!r}") from error


def is_same_order(printed: str, order_id: str) -> bool:
    """Whether a printed id is this order's; the documents print some rounded like a double."""
    try:
        return float(printed) == float(order_id)
    except ValueError:
        return False


def read_parcel(row: Json, order_id: str) -> Parcel:
    """A row without its id stands for a parcel all the same: its order is not signed without it."""
    consignment_id = id_of(row.get("logisticsId"))
    if not consignment_id:
        return without_id(order_id)
    code = word_of(row.get("status"))
    name = text_of(row.get("logisticsCompanyName")).strip()
    return Parcel(
        consignment_id=consignment_id,
        waybill_no=id_of(row.get("logisticsBillNo")) or None,
        carrier_code=id_of(row.get("logisticsCompanyNo")) or None,
        carrier_name=_COMPANY_CODE.sub("", name)[:LONGEST_ID] or None,
        platform_code=code,
        platform_status=PARCEL_STATUSES.get(code, Status.UNKNOWN),
    )


def unknown_statuses(body: Json) -> Iterator[str]:
    """What of a parcel list no table knows."""
    for row in rows(body.get("result")):
        code = word_of(row.get("status"))
        if code not in PARCEL_STATUSES:
            yield f"parcel status {code or 'left out'}"
        if not id_of(row.get("logisticsId")):
            yield "parcel without an id"


def parts_without_id(body: Json) -> Iterator[str]:
    """What of a trace belongs to no parcel."""
    for name, id_name in zip(TRACE_FIELDS, ("logisticsId", "crossMailNo"), strict=True):
        for part in rows(body.get(name)):
            if steps_of(part) and not id_of(part.get(id_name)):
                yield f"trace without a {id_name}"


def steps_of(part: Json) -> list[Json]:
    """A parcel's scans, here and abroad."""
    return [*rows(part.get("logisticsSteps")), *rows(part.get("crossPackageTraceDTOList"))]


def mask(body: Json) -> Json:
    """A trace with nothing but what ``read_traces`` reads, its texts masked."""
    domestic = [
        {
            "logisticsId": consignment_id,
            "logisticsBillNo": id_of(part.get("logisticsBillNo")),
            "logisticsSteps": [
                {
                    "acceptTime": printed_time(step.get("acceptTime")),
                    "remark": masked_text(step.get("remark")),
                }
                for step in rows(part.get("logisticsSteps"))
            ],
        }
        for part in rows(body.get("logisticsTrace"))
        if (consignment_id := id_of(part.get("logisticsId")))
    ]
    cross_border = [
        {
            "crossMailNo": number,
            "crossPackageTraceDTOList": [
                {
                    "nodeActionTime": printed_time(step.get("nodeActionTime")),
                    "nodeDetail": masked_text(step.get("nodeDetail")),
                    "outTraceNodeCode": word_of(step.get("outTraceNodeCode")) or None,
                }
                for step in rows(part.get("crossPackageTraceDTOList"))
            ],
        }
        for part in rows(body.get("crossPackageFulfillmentDTO"))
        if (number := id_of(part.get("crossMailNo")))
    ]
    return {"logisticsTrace": domestic, "crossPackageFulfillmentDTO": cross_border}


def _domestic(body: Json) -> Iterator[ParcelTrace]:
    for part in rows(body.get("logisticsTrace")):
        consignment_id = id_of(part.get("logisticsId"))
        if consignment_id:
            yield _trace(
                consignment_id,
                id_of(part.get("logisticsBillNo")) or None,
                (
                    Step(step.get("acceptTime"), text_of(step.get("remark")).strip())
                    for step in rows(part.get("logisticsSteps"))
                ),
            )


def _cross_border(body: Json) -> Iterator[ParcelTrace]:
    for part in rows(body.get("crossPackageFulfillmentDTO")):
        number = id_of(part.get("crossMailNo"))
        if number:
            yield _trace(
                number,
                number,
                (
                    Step(
                        step.get("nodeActionTime"),
                        text_of(step.get("nodeDetail")).strip(),
                        word_of(step.get("outTraceNodeCode")) or None,
                    )
                    for step in rows(part.get("crossPackageTraceDTOList"))
                ),
            )


def _trace(consignment_id: str, waybill_no: str | None, steps: Iterable[Step]) -> ParcelTrace:
    scans: Scans = scans_of(steps, read_time, lambda description, _: classify(description))
    return ParcelTrace(consignment_id, waybill_no, scans.events, rejected=scans.rejected)
