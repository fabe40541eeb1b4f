"""
The official protocol of the 1688 Open Platform (dialect ``param2``), seen by a buyer.

Sources: the API pages of open.1688.com for ``alibaba.trade.getLogisticsInfos.buyerView``,
``alibaba.trade.getLogisticsTraceInfo.buyerView``, ``alibaba.trade.get.buyerView`` and
``alibaba.trade.getBuyerOrderList``, and its page on signatures.
"""

import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from shipment_tracking.domain.models import Parcel, ParcelTrace
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
)
from shipment_tracking.platforms import times
from shipment_tracking.platforms.gateway import (
    DialectClient,
    Feeds,
    Gateway,
    Request,
    Unknown,
    nothing,
)
from shipment_tracking.platforms.ports import Account, Changes, Json, TokenPair, Waybills
from shipment_tracking.platforms.probe import Probe
from shipment_tracking.platforms.refusals import (
    MALFORMED,
    SHANGHAI,
    TOO_OLD,
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
    without_id,
    word_of,
)
from shipment_tracking.platforms.scans import Scans, Step, scans_of
from shipment_tracking.platforms.times import printed_time
from shipment_tracking.platforms.tokens import OAuth

DIALECT = "param2"
AUTHORISE = "https://auth.1688.com/oauth/authorize"

PARCELS = "com.alibaba.logistics/alibaba.trade.getLogisticsInfos.buyerView"
TRACES = "com.alibaba.logistics/alibaba.trade.getLogisticsTraceInfo.buyerView"
ORDER = "com.alibaba.trade/alibaba.trade.get.buyerView"
ORDERS = "com.alibaba.trade/alibaba.trade.getBuyerOrderList"
TIME = "system/currentTime"

PARCEL_STATUSES: Mapping[str, Status] = {
    "WAITACCEPT": Status.INFO_RECEIVED,
    "ACCEPT": Status.INFO_RECEIVED,
    "TRANSPORT": Status.IN_TRANSIT,
    "SIGN": Status.SIGNED,
    "UNSIGN": Status.EXCEPTION,  # a sign exception, not "unsigned"
    "NOGET": Status.EXCEPTION,
    "CANCEL": Status.CANCELLED,
}
NOT_SHIPPED = "500_2"
NO_TRACE = "404"
NO_TRACE_TEXT = "没有物流跟踪信息"  # comes without a code
QOS_SECONDS = 2  # no official number is published
TRACE_FIELDS = ("logisticsTrace", "crossPackageFulfillmentDTO")
ANSWER_FIELDS = (*TRACE_FIELDS, "result", "success", "errorCode", "errorMessage", "errorMsg")
"""What is in every answer; an empty list may be left out."""
UNSHIPPED_LINE = frozenset({"1", "5", "8"})  # not shipped, partly shipped, no logistics order yet
ENDED_LINE = frozenset({"cancel", "terminated"})
PARAM_MISSING = "gw.ParamMissing"
NO_PERMISSION = "gw.APIACLDecline"
LARGEST_SKEW = timedelta(minutes=1)
PAGE_SIZE = 50  # the largest in use; the maximum is not documented

GATEWAY_ERRORS = (
    Rule(("gw.QosAppFrequencyLimit",), QuotaError, wait=QOS_SECONDS),
    Rule(("401",), TokenError, "the access token is missing, expired or revoked"),
    Rule(
        (NO_PERMISSION,),
        AuthError,
        "the app may not use this API: ask for its permission in the 1688 console",
    ),
    Rule(
        ("gw.SignatureInvalid", "gw.SignatureMissing"),
        AuthError,
        "the signature is refused: correct the app secret (password)",
    ),
    Rule(
        ("gw.AppKeyNotFound", "gw.AppKeyMissing"),
        AuthError,
        "the app key (login) is unknown to the platform: correct it",
    ),
    Rule(("gw.APIUnsupported", PARAM_MISSING), PlatformBugError, MALFORMED),
)
OAUTH_ERRORS = (
    Rule(("invalid_grant",), TokenError, "the refresh token is expired, used up or revoked"),
    Rule(
        ("invalid_client", "unauthorized_client"),
        AuthError,
        "the app is unknown or its secret is refused: correct app key (login) and secret "
        "(password)",
    ),
)
ORDER_ERRORS = (
    Rule(("order.createtime.history",), RejectedError, TOO_OLD, final=True),
    Rule(
        ("order.nopermission.buyer",),
        RejectedError,
        "the order belongs to another member than this connection's",
    ),
    Rule((NOT_SHIPPED, NO_TRACE), RejectedError),
)

_COMPANY_CODE = re.compile(r"\s*[（(][A-Za-z]+[)）]$")


class Ali1688Client(DialectClient):
    """What one authorised buyer may ask 1688; safe to use from many threads."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway, FEEDS)

    def fetch_parcels(self, order_id: str) -> list[Parcel]:
        """The order's parcels; none when the order is not shipped yet."""
        body = self._call(
            PARCELS,
            # Without "fields" the platform sends names, phones and addresses.
            {"orderId": order_id, "webSite": "1688", "fields": "company.name"},
            empty_codes={NOT_SHIPPED},
            unknown=_unknown_statuses,
        )
        with reading("a parcel list of 1688", RejectedError):
            refuse_other(body, ("result",))
            listed = rows(body.get("result"))
            if not any(id_of(row.get("logisticsId")) for row in listed) and body.get("result"):
                raise RejectedError("not a parcel list of 1688: no row has a logisticsId")
            return [_parcel(row, order_id) for row in listed]

    def fetch_traces(self, order_id: str, waybills: Waybills | None = None) -> Json:
        """All parcels' traces in one call, masked, with nothing but what ``read_traces`` reads."""
        body = self._call(
            TRACES,
            {"orderId": order_id, "webSite": "1688"},
            empty_codes={NOT_SHIPPED, NO_TRACE},
            unknown=_parts_without_id,
        )
        with reading("a trace of 1688", RejectedError):
            refuse_other(body, TRACE_FIELDS)
            parts = [part for name in TRACE_FIELDS for part in rows(body.get(name))]
            answered_for = {found for part in parts if (found := text_of(part.get("orderId")))}
            strangers = {other for other in answered_for if not _is_same_order(other, order_id)}
            if strangers:
                raise RetryableError(
                    f"order {order_id} was answered with traces of {strangers.pop()}"
                )
            masked = _masked(body)
            if any(map(_steps, parts)) and not any(masked.values()):
                raise RejectedError("the trace names none of its parcels")
            return masked

    def has_unshipped_lines(self, order_id: str) -> bool:
        """
        Whether a line still waits for its shipping.

        A partly shipped order stays at ``waitsellersend``, so only its lines tell.
        """
        body = self._call(
            ORDER,
            {"orderId": order_id, "webSite": "1688"},
        )
        result = body.get("result")
        lines = rows(result.get("productItems")) if isinstance(result, dict) else []
        if not lines:
            raise RetryableError("the order's detail came without its lines")
        return any(
            word_of(line.get("logisticsStatus")) in UNSHIPPED_LINE
            for line in lines
            if word_of(line.get("status")) not in ENDED_LINE
        )

    def _call(
        self,
        api: str,
        params: Mapping[str, str],
        *,
        empty_codes: frozenset[str] | set[str] = frozenset(),
        unknown: Unknown = nothing,
    ) -> Json:
        if not re.fullmatch(r"[0-9]+", params["orderId"]):
            # Asked all the same, the gateway would call our request malformed.
            raise RejectedError(
                "the order's platform_order_id is not a number; correct it in the ERP"
            )

        def read(http_status: int, body: Json) -> Json:
            raise_for_gateway(body)
            return raise_for_business(http_status, body, empty_codes)

        return self._gateway.call(
            _name(api), _signed(self.account, api, params), read, unknown=unknown
        )


class OrderFeed:
    """
    The buyer's orders by the time of their last change.

    An order changes when it is paid, when a parcel of it is shipped, when it is received or
    closed; no scan of a parcel changes it.
    """

    longest = timedelta(hours=1)
    platforms: tuple[str, ...] = ("1688",)
    own_orders = True

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[Changes]:
        """
        Orders whose ``modifyTime`` lies in the time asked for, whatever their status.

        Pages are walked from the last to the first: an order that changes meanwhile leaves the
        list, and those behind it move to pages that are still to come.

        :raises RetryableError: the list is not complete.
        """
        first, total = self._page(since, until, 1)
        yield first
        last = -(-total // PAGE_SIZE)
        for number in range(last, 0 if last > 1 else 1, -1):
            yield self._page(since, until, number)[0]

    def confirm(self, changes: Changes) -> None:
        """Nothing to do: the list is there as long as the orders are."""

    def _page(self, since: datetime, until: datetime, number: int) -> tuple[Changes, int]:
        body = self._gateway.call(
            _name(ORDERS),
            _signed(
                self._gateway.account,
                ORDERS,
                {
                    "modifyStartTime": print_time(since),
                    "modifyEndTime": print_time(until),
                    "page": str(number),
                    "pageSize": str(PAGE_SIZE),
                    "isHis": "false",
                    "needBuyerAddressAndPhone": "false",
                    "needMemoInfo": "false",
                },
            ),
            partial(_read_orders, number),
        )
        return Changes(body["orders"]), body["total"]


FEEDS: Feeds = {"orders": OrderFeed}


def probes(gateway: Gateway, now: Callable[[], datetime]) -> Iterator[Probe]:
    """
    What a check of the connection asks.

    The gateway looks at key and signature first, then at the token, the permission and last at the
    parameters: a call without any reaches no order. A feed is read for one minute.

    :param now: this machine's time, held against the platform's.
    """
    yield Probe("gateway, app key, app secret", partial(_compare_clocks, gateway, now), True)
    yield Probe(
        "access token", partial(_ask, gateway, PARCELS, {PARAM_MISSING, NO_PERMISSION}), True
    )
    for api in (PARCELS, TRACES, ORDER):
        yield Probe(f"permission for {_name(api)}", partial(_ask, gateway, api, {PARAM_MISSING}))
    if gateway.account.feed:
        yield Probe(f"permission for {_name(ORDERS)}", partial(_ask_feed, gateway, now))


def sign(path: str, params: Mapping[str, str], secret: str) -> str:
    """
    The value of ``_aop_signature``.

    :param path: from ``param2`` to the app key; raw values, not URL-encoded.

    Source: open.1688.com/doc/signature.htm: HMAC-SHA1 over the path and the sorted key+value
    strings, in upper-case hex.
    """
    joined = "".join(sorted(f"{key}{value}" for key, value in params.items()))
    return hmac.new(secret.encode(), (path + joined).encode(), "sha1").hexdigest().upper()


def raise_for_gateway(body: Json) -> None:
    """
    Raise what an answer of the gateway itself means; its codes decide, never the HTTP status.

    :raises PlatformError: of the kind that says what to do.
    """
    code = str(body.get("error_code") or "")
    if not code:
        return
    raise error_of(
        GATEWAY_ERRORS,
        code,
        str(body.get("error_message") or "no message"),
        request_id=str(body.get("request_id") or ""),
        now=datetime.now(UTC),
    )


def raise_for_business(
    http_status: int, body: Json, empty_codes: frozenset[str] | set[str]
) -> Json:
    """
    The answer's body, ``{}`` where the platform says that there is nothing, else what it means.

    :raises PlatformError: of the kind that says what to do.
    """
    if http_status < 400 and body.keys().isdisjoint(ANSWER_FIELDS):
        raise RetryableError("neither an answer nor an error of 1688")
    code = str(body.get("errorCode") or "")
    message = str(body.get("errorMessage") or body.get("errorMsg") or "")
    # An answer may leave out whether it is a success; then a message alone makes it an error.
    if str(body.get("success", not message)).lower() == "true" and not code:
        if http_status >= 400:
            raise RetryableError(f"HTTP {http_status}", code=str(http_status))
        return body
    if code in empty_codes or (not code and NO_TRACE_TEXT in message):
        return {}
    told = message or str(body.get("message") or "no message")
    raise error_of(ORDER_ERRORS, code, told, now=datetime.now(UTC))


def authorisation_page(account: Account) -> str:
    """Where the buyer lets the app in again, once the address registered for it is put in."""
    query = {"client_id": account.app_key, "site": "1688", "state": account.conn_id}
    return f"{AUTHORISE}?{urlencode(query)}&redirect_uri=REGISTERED_ADDRESS"


def refresh_request(account: Account, refresh_token: str) -> tuple[str, Mapping[str, str]]:
    """
    The call that renews a token pair; it is not signed.

    Source: open.1688.com/api/sys_auth.htm.
    """
    return f"/openapi/http/1/system.oauth2/getToken/{account.app_key}", {
        "grant_type": "refresh_token",
        "client_id": account.app_key,
        "client_secret": account.app_secret,
        "refresh_token": refresh_token,
    }


def read_refresh(http_status: int, body: Json, now: datetime) -> TokenPair:
    """
    The pair in the answer; its refresh token may be left out, then the old one stays good.

    :param now: aware; the access token's life counts from then.
    :raises TokenError: the refresh token is no longer good.
    :raises PlatformError: of the kind that says what to do.
    """
    raise_for_gateway(body)
    if "error" in body:
        message = str(body.get("error_description") or "no message")
        raise error_of(OAUTH_ERRORS, str(body["error"]), message, now=datetime.now(UTC))
    access_token, life = body.get("access_token"), str(body.get("expires_in") or "")
    if http_status >= 400 or not access_token:
        raise RetryableError(f"HTTP {http_status} without an access token")
    try:
        refresh_end = read_time(body["refresh_token_timeout"])
    except (KeyError, ReplyError):
        # The pair is worth more than word of its end: the old one may be gone already.
        refresh_end = None
    return TokenPair(
        str(access_token),
        str(body.get("refresh_token") or "") or None,
        expires_at=now + timedelta(seconds=int(life)) if life.isdecimal() else None,
        refresh_expires_at=refresh_end,
    )


OAUTH = OAuth("getToken", authorisation_page, refresh_request, read_refresh)


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


def print_time(at: datetime) -> str:
    """A time (aware) as the platform wants to be asked for it: ``20260918104333000+0800``."""
    return f"{at.astimezone(SHANGHAI):%Y%m%d%H%M%S}000+0800"


def _read_orders(number: int, http_status: int, body: Json) -> Json:
    """The times of the listed orders' last changes, and how many orders there are in all."""
    raise_for_gateway(body)
    raise_for_business(http_status, body, frozenset())
    listed, total = body.get("result"), body.get("totalRecord")
    if (
        not isinstance(listed, list)
        or not str(total).isdecimal()
        or (not listed and int(str(total)) > (number - 1) * PAGE_SIZE)
    ):
        raise RetryableError("an order list without its orders")
    try:
        known = [row["baseInfo"] for row in listed]
        orders = {str(row.get("idOfStr") or row["id"]): row["modifyTime"] for row in known}
        times = {order_id: read_time(modified) for order_id, modified in orders.items()}
    except (KeyError, TypeError, AttributeError, ReplyError) as error:
        raise RetryableError(f"not an order list of 1688: {error!r}") from error
    return {"orders": times, "total": int(str(total))}


def _name(api: str) -> str:
    """An API's name without its namespace."""
    return api.rpartition("/")[2]


def _signed(
    account: Account, api: str, params: Mapping[str, str], *, with_token: bool = True
) -> Request:
    """A call of an API (``namespace/name``)."""
    path = f"param2/1/{api}/{account.app_key}"

    def request(access_token: str) -> tuple[str, Mapping[str, str]]:
        form = {**params, "access_token": access_token} if with_token else dict(params)
        return f"/openapi/{path}", form | {"_aop_signature": sign(path, form, account.app_secret)}

    return request


def _compare_clocks(gateway: Gateway, now: Callable[[], datetime]) -> str:
    def read(http_status: int, body: Json) -> Json:
        raise_for_gateway(body)
        try:
            return {"skew": now() - read_time(body["result"])}
        except (KeyError, ReplyError) as error:
            raise RetryableError(f"HTTP {http_status} without the time of 1688") from error

    request = _signed(gateway.account, TIME, {}, with_token=False)
    skew = gateway.call(_name(TIME), request, read)["skew"]
    if abs(skew) <= LARGEST_SKEW:
        return ""
    seconds, side = round(skew.total_seconds()), "ahead of" if skew > timedelta() else "behind"
    return f"this machine's clock is {abs(seconds)} s {side} the platform's; correct it"


def _ask(gateway: Gateway, api: str, let_in: set[str]) -> str:
    """:param let_in: codes of the gateway that come only after what is asked about."""

    def read(http_status: int, body: Json) -> Json:
        if body.get("error_code") not in let_in:
            raise_for_gateway(body)
            if http_status >= 400:
                raise RetryableError(f"HTTP {http_status}", code=str(http_status))
        return {}

    gateway.call(_name(api), _signed(gateway.account, api, {}), read)
    return ""


def _ask_feed(gateway: Gateway, now: Callable[[], datetime]) -> str:
    """What changed in the last minute: without a time, the API lists all orders there are."""
    next(OrderFeed(gateway).changed_orders(now() - timedelta(minutes=1), now()))
    return ""


def _is_same_order(printed: str, order_id: str) -> bool:
    """Whether a printed id is this order's; the documents print some rounded like a double."""
    try:
        return float(printed) == float(order_id)
    except ValueError:
        return False


def _parcel(row: Json, order_id: str) -> Parcel:
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


def _unknown_statuses(body: Json) -> Iterator[str]:
    for row in rows(body.get("result")):
        code = word_of(row.get("status"))
        if code not in PARCEL_STATUSES:
            yield f"parcel status {code or 'left out'}"
        if not id_of(row.get("logisticsId")):
            yield "parcel without an id"


def _parts_without_id(body: Json) -> Iterator[str]:
    for name, id_name in zip(TRACE_FIELDS, ("logisticsId", "crossMailNo"), strict=True):
        for part in rows(body.get(name)):
            if _steps(part) and not id_of(part.get(id_name)):
                yield f"trace without a {id_name}"


def _steps(part: Json) -> list[Json]:
    return [*rows(part.get("logisticsSteps")), *rows(part.get("crossPackageTraceDTOList"))]


def _masked(body: Json) -> Json:
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
