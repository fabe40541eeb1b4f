"""
The MD5 router that some resellers' gateways speak (dialect ``router``), for 1688 and for Taobao.

No platform documents it. Its two forms are those of two articles, whose own clients such gateways
serve: for 1688 every business parameter travels in ``param2``, JSON that is percent-encoded before
it is signed; for Taobao one number tells how far an order is. Both sign with MD5.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import md5
from urllib.parse import quote_plus

from shipment_tracking.domain.masking import event_hash
from shipment_tracking.domain.models import Parcel, ParcelTrace, TraceEvent
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.texts import classify
from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    QuotaError,
    RejectedError,
    ReplyError,
    RetryableError,
    TokenError,
    UnmappedError,
)
from shipment_tracking.platforms.ali1688 import read_time
from shipment_tracking.platforms.gateway import DialectClient, Gateway, Unknown, nothing
from shipment_tracking.platforms.ports import Json, PlatformClient, Waybills
from shipment_tracking.platforms.probe import Probe
from shipment_tracking.platforms.refusals import (
    BAD_ORDER_ID,
    MALFORMED,
    SHANGHAI,
    Rule,
    error_of,
)
from shipment_tracking.platforms.replies import (
    LONGEST_ID,
    id_of,
    masked_text,
    reading,
    refuse_other,
    rows,
    text_of,
    unless_unusable,
    within_text,
    word_of,
)
from shipment_tracking.platforms.scans import Scans, Step, scans_of
from shipment_tracking.platforms.times import printed_time

DIALECT = "router"
PATH_1688 = "/openapi/http/2/1"
PATH_TAOBAO = "/router/rest"

WAYBILLS = "alibaba.logistics.trade.ship"
TRACE = "alibaba.logistics.trace.get"
ORDER_STATUS = "alibaba.logistics.OpQueryLogisticsTrace"

SIGN_STATUSES: Mapping[str, Status] = {
    "SIGN": Status.SIGNED,
    "UNSIGN": Status.INFO_RECEIVED,  # here: not signed yet
}
ORDER_STATUSES: Mapping[str, tuple[Status, str]] = {
    "1": (Status.INFO_RECEIVED, "已发货"),
    "2": (Status.IN_TRANSIT, "运输中"),
    "3": (Status.SIGNED, "已签收"),
}
RESULT_FIELDS = ("logisticsOrders", "traceList", "signStatus")
DEEPEST = 4  # envelopes around a result
NO_ORDER_STATUS = "0"
SIGN_TEXT = "已签收"
NO_ORDER = "1"

# The articles name no code but HTTP 429; the numbers are TOP's, whose error form this is.
ERRORS = (
    Rule(("4", "7", "8", "429"), QuotaError, wait=2),
    Rule(("10",), RetryableError),
    Rule(
        ("24", "25"),
        AuthError,
        "the signature is refused: correct the app secret (password)",
    ),
    Rule(
        ("26", "27", "401"),
        TokenError,
        "the session is missing, expired or revoked; the gateway's operator gives a new one",
    ),
    Rule(("28", "29"), AuthError, "the app key (login) is unknown to the gateway"),
    Rule(
        ("11", "12", "13", "53"),
        AuthError,
        "the app may not use this API: ask the gateway's operator for it",
    ),
    Rule(
        ("31",),
        PlatformBugError,
        "the gateway's clock and this machine's differ too much: correct this machine's time",
    ),
    Rule(
        ("21", "22", "23", "30", "32", "33", "34", "40", "42", "43"),
        PlatformBugError,
        MALFORMED,
    ),
    # An argument that is refused is this order's: everything else is always alike.
    Rule(("41",), RejectedError, BAD_ORDER_ID),
)


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
            return [_parcel(row, order_id) for row in rows(orders)]

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
        return {"traces": [part for part in parts if part["traceList"] or _is_sign(part)]}

    def _trace(self, waybill_no: str, consignment_id: str) -> Json:
        company_code = consignment_id.removesuffix(f":{waybill_no}")
        result = self._call(
            TRACE,
            {"companyCode": company_code, "billNo": waybill_no},
            unknown=_unknown_sign_status,
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


def probes(gateway: Gateway, now: Callable[[], datetime]) -> Iterator[Probe]:
    """
    What a check of the connection asks, about an order and a waybill that cannot exist.

    In which order such a gateway looks at key, signature and session is not documented: its code
    tells which of them it refuses.

    :param now: not needed; no router tells its own time.
    """
    base = "gateway, app key, app secret, clock"
    if not has_session(gateway.account.platform):
        shop = RouterTaobaoClient(gateway)
        yield Probe(base, partial(_ask, shop.fetch_traces, NO_ORDER), True)
        return
    buyer = Router1688Client(gateway)
    yield Probe(f"{base}, session", partial(_ask, buyer.fetch_parcels, NO_ORDER), True)
    waybill = {NO_ORDER: (f"{NO_ORDER}:{NO_ORDER}",)}
    traces = partial(buyer.fetch_traces, waybills=waybill)
    yield Probe(f"permission for {TRACE}", partial(_ask, traces, NO_ORDER))


def client(gateway: Gateway) -> PlatformClient:
    """The client of the form that the account's platform is reached by."""
    if has_session(gateway.account.platform):
        return Router1688Client(gateway)
    return RouterTaobaoClient(gateway)


def has_session(platform: str) -> bool:
    """Whether calls for a platform carry the account's access token."""
    return platform == "1688"


def sign(params: Mapping[str, str], secret: str) -> str:
    """The value of ``sign``: MD5 over the sorted key+value strings, the secret at both ends."""
    joined = "".join(f"{key}{value}" for key, value in sorted(params.items()))
    return md5((secret + joined + secret).encode()).hexdigest().upper()


def read_result(http_status: int, body: Json) -> Json:
    """
    What stands under the one key of an answer of the 1688 form.

    A gateway may put it into further envelopes, or leave them all out.

    :raises PlatformError: of the kind that says what to do.
    """
    _raise_for_refusal(http_status, body)
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
    _raise_for_refusal(http_status, body)
    code = word_of(body.get("status")) or NO_ORDER_STATUS
    if code == NO_ORDER_STATUS:
        raise RejectedError("the gateway has no logistics status of the order")
    if code not in ORDER_STATUSES:
        raise UnmappedError("the order's logistics status is none of 1, 2, 3", code=code)
    return {"status": code}


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


def _ask(question: Callable[[str], object], order_id: str) -> str:
    """Ask; that there is no such order is a good answer."""
    with suppress(RejectedError):
        question(order_id)
    return ""


def _refuse_unless_number(order_id: str) -> None:
    if not re.fullmatch(r"[0-9]+", order_id):
        # Asked all the same, the gateway would call our request malformed.
        raise RejectedError("the order's platform_order_id is not a number; correct it in the ERP")


def _raise_for_refusal(http_status: int, body: Json) -> None:
    refusal = body.get("error_response")
    if isinstance(refusal, dict):
        code, message = str(refusal.get("code") or ""), str(refusal.get("msg") or "no message")
        raise error_of(ERRORS, code, message, now=datetime.now(UTC))
    if http_status == 401:
        raise error_of(ERRORS, "401", "HTTP 401", now=datetime.now(UTC))
    if http_status >= 400:
        raise RetryableError(f"HTTP {http_status}", code=str(http_status))


def _parcel(row: Json, order_id: str) -> Parcel:
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


def _is_sign(part: Json) -> bool:
    return SIGN_STATUSES.get(word_of(part.get("signStatus"))) is Status.SIGNED


def _unknown_sign_status(result: Json) -> Iterator[str]:
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
    if _is_sign(part) and text_of(sign_time) and not told & {Status.SIGNED, Status.RETURNED}:
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
