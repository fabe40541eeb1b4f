"""What is asked of a router about an order, in either form."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote_plus

from shipment_tracking.domain.models import Parcel
from shipment_tracking.errors import RejectedError, RetryableError, UnmappedError
from shipment_tracking.platforms.gateway import DialectClient, Gateway, Unknown, nothing
from shipment_tracking.platforms.ports import Json, PlatformClient, Waybills
from shipment_tracking.platforms.refusals import SHANGHAI
from shipment_tracking.platforms.replies import (
    masked_text,
    reading,
    refuse_other,
    rows,
    within_text,
    word_of,
)
from shipment_tracking.platforms.router.api import (
    ORDER_STATUS,
    PATH_1688,
    PATH_TAOBAO,
    TRACE,
    WAYBILLS,
    has_session,
    sign,
)
from shipment_tracking.platforms.router.errors import raise_for_refusal
from shipment_tracking.platforms.router.traces import (
    ORDER_STATUSES,
    is_sign,
    read_parcel,
    unknown_sign_status,
)
from shipment_tracking.platforms.times import printed_time

RESULT_FIELDS = ("logisticsOrders", "traceList", "signStatus")
DEEPEST = 4  # envelopes around a result
NO_ORDER_STATUS = "0"


class _RouterClient(DialectClient):
    """What both forms share: signing, and knowing nothing of the lines of an order."""

    def has_unshipped_lines(self, order_id: str) -> bool:
        """Never: a router knows parcels, and nothing of the lines of an order."""
        return False

    def _signed(self, api: str, params: Mapping[str, str]) -> Mapping[str, str]:
        form = {
            **params,
            "method": api,
            "app_key": self.account.app_key,
            "format": "json",
            "v": "2.0",
            "sign_method": "md5",
        }
        return form | {"sign": sign(form, self.account.app_secret)}


class Router1688Client(_RouterClient):
    """What one authorised buyer may ask a router; safe to use from many threads."""

    def fetch_parcels(self, order_id: str) -> list[Parcel]:
        """
        The order's parcels; none when the order is not shipped yet.

        One without a number yet keeps its order from being signed, until its number takes its
        place.
        """
        _refuse_unless_number(order_id)
        orders = self._call(WAYBILLS, {"orderId": order_id}).get("logisticsOrders")
        with reading("a waybill list of a router", RejectedError):
            return [read_parcel(row, order_id) for row in rows(orders)]

    def fetch_traces(self, order_id: str, waybills: Waybills | None = None) -> Json:
        """
        The traces waybill by waybill, masked, with nothing but what ``read_traces`` reads.

        :param waybills: what the router calls the parcels (``carrier:waybill``) by waybill number;
            they are asked for where none is known.
        """
        _refuse_unless_number(order_id)
        known = waybills or {
            parcel.waybill_no: (parcel.consignment_id,)
            for parcel in self.fetch_parcels(order_id)
            if parcel.waybill_no
        }
        parts = [
            self._trace(waybill_no, consignment_id)
            for waybill_no, ids in sorted(known.items())
            for consignment_id in ids
            # Without its carrier a waybill cannot be asked for.
            if not consignment_id.startswith(":")
        ]
        # What has no scan says nothing, unless it is signed all the same.
        return {"traces": [part for part in parts if part["traceList"] or is_sign(part)]}

    def _trace(self, waybill_no: str, consignment_id: str) -> Json:
        company_code = consignment_id.removesuffix(f":{waybill_no}")
        result = self._call(
            TRACE,
            {"companyCode": company_code, "billNo": waybill_no},
            unknown=unknown_sign_status,
        )
        with reading("a trace of a router", RejectedError):
            return {
                "consignment_id": consignment_id,
                "billNo": waybill_no,
                "signStatus": word_of(result.get("signStatus")) or None,
                "signTime": printed_time(result.get("signTime")),
                "traceList": [
                    {
                        "time": printed_time(node.get("time")),
                        "desc": masked_text(node.get("desc")),
                        "city": masked_text(node.get("city")) or None,
                    }
                    for node in rows(result.get("traceList"))
                ],
            }

    def _call(self, api: str, business: Mapping[str, str], unknown: Unknown = nothing) -> Json:
        def request(access_token: str) -> tuple[str, Mapping[str, str]]:
            params = {
                "session": access_token,
                # Real time whatever the pipeline's clock says.
                "timestamp": str(int(datetime.now(UTC).timestamp() * 1000)),
                # Encoded here, signed so, and encoded once more by the HTTP client.
                "param2": quote_plus(json.dumps(business, ensure_ascii=False)),
            }
            return PATH_1688, self._signed(api, params)

        return self._gateway.call(api, request, read_result, verb="GET", unknown=unknown)


class RouterTaobaoClient(_RouterClient):
    """What an app may ask a router about Taobao's and Tmall's orders; safe in many threads."""

    def fetch_parcels(self, order_id: str) -> list[Parcel]:
        """The order itself, without a question: no waybill of it can be known."""
        _refuse_unless_number(order_id)
        return [Parcel(order_id, None, None, None, None, None)]

    def fetch_traces(self, order_id: str, waybills: Waybills | None = None) -> Json:
        """The order's status code, as ``read_traces`` reads it."""
        _refuse_unless_number(order_id)

        def request(_: str) -> tuple[str, Mapping[str, str]]:
            params = {
                "order_id": order_id,
                "timestamp": f"{datetime.now(SHANGHAI):%Y-%m-%d %H:%M:%S}",
            }
            return PATH_TAOBAO, self._signed(ORDER_STATUS, params)

        code = self._gateway.call(ORDER_STATUS, request, read_order_status, verb="GET")["status"]
        return {"orders": [{"order_id": order_id, "status": code}]}


def client(gateway: Gateway) -> PlatformClient:
    """The client of the form that the account's platform is reached by."""
    if has_session(gateway.account.platform):
        return Router1688Client(gateway)
    return RouterTaobaoClient(gateway)


def read_result(http_status: int, body: Json) -> Json:
    """
    What stands under the one key of an answer of the 1688 form.

    A gateway may put it into further envelopes, or leave them all out.

    :raises PlatformError: of the kind that says what to do.
    """
    raise_for_refusal(http_status, body)
    envelopes = [body]
    for _ in range(DEEPEST):
        for each in envelopes:
            if not each.keys().isdisjoint(RESULT_FIELDS):
                return each
        within = [within_text(value) for each in envelopes for value in each.values()]
        envelopes = [value for value in within if isinstance(value, dict)]
    for result in body.values():
        if isinstance(result, dict):
            refuse_other(result, RESULT_FIELDS)
            return result
    raise RetryableError("neither a result nor an error of the router")


def read_order_status(http_status: int, body: Json) -> Json:
    """
    An answer of the Taobao form, its ``status`` as text.

    :raises PlatformError: of the kind that says what to do.
    """
    raise_for_refusal(http_status, body)
    code = word_of(body.get("status")) or NO_ORDER_STATUS
    if code == NO_ORDER_STATUS:
        raise RejectedError("the gateway has no logistics status of the order")
    if code not in ORDER_STATUSES:
        raise UnmappedError("the order's logistics status is none of 1, 2, 3", code=code)
    return {"status": code}


def _refuse_unless_number(order_id: str) -> None:
    if not re.fullmatch(r"[0-9]+", order_id):
        # Asked all the same, the gateway would call our request malformed.
        raise RejectedError("the order's platform_order_id is not a number; correct it in the ERP")
