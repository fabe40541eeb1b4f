"""What is asked of TOP about an order."""

import json
import re
import threading
from collections.abc import Mapping
from itertools import count

from shipment_tracking.domain.models import Parcel
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.waybills import fold
from shipment_tracking.errors import AuthError, PlatformBugError, RejectedError, RetryableError
from shipment_tracking.platforms.gateway import DialectClient, Gateway, Unknown, nothing
from shipment_tracking.platforms.ports import Json, Waybills
from shipment_tracking.platforms.replies import id_of, reading, rows, text_of, word_of
from shipment_tracking.platforms.taobao.api import PARCELS, TRACE_GET, TRACE_SEARCH, TRADE, call_api
from shipment_tracking.platforms.taobao.errors import lacks_api, read_answer
from shipment_tracking.platforms.taobao.feed import FEEDS
from shipment_tracking.platforms.taobao.traces import (
    by_number,
    consignments_by_number,
    mask_part,
    parts_of,
    read_parcel,
    status_of,
    steps_of,
    unknown_actions,
    unknown_statuses,
    waybill_of,
    whole_number,
)

# Nothing personal: receivers' names, phones and addresses are fields of their own.
PARCEL_FIELDS = "tid,order_code,out_sid,company_name,status,is_split,sub_tids"
PAGE_SIZE = 40
MOST_LINES = 50  # in a question about a split order
LARGEST_ID = 2**63 - 1
LEARN_SECONDS = 5
UNSHIPPED_TRADES = frozenset({"SELLER_CONSIGNED_PART", "WAIT_SELLER_SEND_GOODS"})
SPLIT_ORDER = "拆单"  # the sub_code of this error is not documented


class TaobaoClient(DialectClient):
    """What one authorised seller may ask TOP; safe to use from many threads."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway, FEEDS)
        self._must_search: bool | None = None  # not known yet
        self._learning = threading.Lock()

    def fetch_parcels(self, order_id: str) -> list[Parcel]:
        """The order's parcels; none when the order is not shipped yet."""
        with reading("a parcel list of TOP", RejectedError):
            listed = self._shippings(order_id)
            if listed and not any(id_of(row.get("order_code")) for row in listed):
                raise RejectedError("not a parcel list of TOP: no parcel has an order_code")
            return [read_parcel(row, order_id) for row in listed]

    def fetch_traces(self, order_id: str, waybills: Waybills | None = None) -> Json:
        """
        All parcels' traces, masked, with nothing but what ``read_traces`` reads.

        :param waybills: consignment ids by waybill number: a trace tells its number alone. The
            parcels of a number that is not among them are asked for; all parcels of a number have
            its trace.
        """
        with reading("a trace of TOP", RejectedError):
            return self._fetch_traces(order_id, by_number(waybills or {}))

    def _fetch_traces(self, order_id: str, consignments: dict[str, list[str]]) -> Json:
        parts = [part for part in self._traces(order_id, consignments) if steps_of(part)]
        strangers = {tid for part in parts if (tid := text_of(part.get("tid")))} - {order_id}
        if strangers:
            raise RetryableError(f"order {order_id} was answered with traces of {strangers.pop()}")
        if any(
            (fold(waybill_of(part)) or "") not in consignments and not part.get("order_code")
            for part in parts
        ):
            consignments |= consignments_by_number(self._shippings(order_id))
        found = [part for each in parts for part in mask_part(each, consignments)]
        # Each of two parcels in one box may bring the trace of both.
        return {"transit_step_result": list({json.dumps(part): part for part in found}.values())}

    def has_unshipped_lines(self, order_id: str) -> bool:
        """Whether a line still waits for its shipping, as the trade's status tells."""
        body = self._call(TRADE, order_id, {"fields": "tid,status"})
        (trade, *_) = rows(body.get("trade"), "trade") or ({},)
        tid, status = text_of(trade.get("tid")) or order_id, word_of(trade.get("status"))
        if tid != order_id:
            raise RetryableError(f"order {order_id} was answered with trade {tid}")
        if not status:
            raise RetryableError("the trade came without its status")
        return status in UNSHIPPED_TRADES

    def _shippings(self, order_id: str) -> list[Json]:
        """The order's rows of the parcel list, each parcel once."""
        found: dict[str, Json] = {}
        seen: dict[str, str] = {}
        for page in count(1):
            body = self._call(
                PARCELS,
                order_id,
                {"fields": PARCEL_FIELDS, "page_no": str(page), "page_size": str(PAGE_SIZE)},
                unknown=unknown_statuses,
            )
            known = len(seen)
            for row in rows(body.get("shippings"), "shipping"):
                code, tid = id_of(row.get("order_code")), text_of(row.get("tid")) or order_id
                seen[code + tid] = tid
                if tid == order_id:
                    found[code] = row
            if len(seen) in (known, whole_number(body.get("total_results"))):
                break
        if seen and not found:
            raise RetryableError(f"order {order_id} was answered with parcels of {tid}")
        return list(found.values())

    def _traces(self, order_id: str, consignments: Waybills) -> list[Json]:
        # The first to ask learns which API the app has; the others wait for that, but not long:
        # the platform may be slow.
        if self._must_search is None and self._learning.acquire(timeout=LEARN_SECONDS):
            try:
                if self._must_search is None:
                    return self._get_or_search(order_id, consignments)
            finally:
                self._learning.release()
        return self._get_or_search(order_id, consignments)

    def _get_or_search(self, order_id: str, consignments: Waybills) -> list[Json]:
        if not self._must_search:
            try:
                body = self._call(TRACE_GET, order_id, {}, unknown=unknown_actions)
            except (AuthError, PlatformBugError) as error:
                if not lacks_api(error):
                    raise
                self._must_search = True
            else:
                self._must_search = False
                return parts_of(body)
        return self._search(order_id, consignments)

    def _search(self, order_id: str, consignments: Waybills) -> list[Json]:
        """One question for a plain order; one a parcel, with its lines, for a split one."""
        if len({each for ids in consignments.values() for each in ids}) < 2:
            try:
                return parts_of(self._call(TRACE_SEARCH, order_id, {}, unknown=unknown_actions))
            except RejectedError as error:
                if SPLIT_ORDER not in str(error):
                    raise
        return [
            {"order_code": row["order_code"]}
            | self._call(TRACE_SEARCH, order_id, _split(row), unknown=unknown_actions)
            for row in self._shippings(order_id)
            if status_of(row) is not Status.CANCELLED and id_of(row.get("order_code"))
        ]

    def _call(
        self, api: str, order_id: str, params: Mapping[str, str], unknown: Unknown = nothing
    ) -> Json:
        if not re.fullmatch(r"[0-9]{1,19}", order_id) or int(order_id) > LARGEST_ID:
            # Asked all the same, the gateway would call our request malformed.
            raise RejectedError(
                "the order's platform_order_id is not a number of Taobao; correct it in the ERP"
            )

        return call_api(self._gateway, api, {**params, "tid": order_id}, read_answer, unknown)


def _split(row: Json) -> dict[str, str]:
    """What a question about a parcel says of its order lines; nothing when it holds them all."""
    # The API's own page also spells it "is_spilt".
    if str(row.get("is_split", row.get("is_spilt"))).lower() == "false":
        return {}
    lines = row.get("sub_tids")
    if isinstance(lines, dict):
        lines = lines.get("number")
    if isinstance(lines, list):
        # Any line of it names the parcel.
        lines = ",".join(str(line) for line in lines[:MOST_LINES])
    return {"is_split": "1", "sub_tid": str(lines)} if lines else {}
