"""
The official protocol of Taobao and Tmall (TOP, dialect ``top``), seen by a seller.

Sources: TOP's page on calling and signing (developer.alibaba.com articleId 101617) and its API
pages for ``taobao.logistics.orders.get`` (docId 235), ``taobao.logistics.trace.search`` (10463),
``taobao.logistics.trace.get`` (65623), ``taobao.trade.get``, ``taobao.trades.sold.increment.get``
(128) and ``taobao.tmc.messages.consume``. All times are GMT+8.
"""

import hmac
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import md5
from itertools import count
from typing import Any
from urllib.parse import urlencode

from shipment_tracking.domain.models import Parcel, ParcelTrace
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.texts import Reading, classify, sign_kind
from shipment_tracking.domain.waybills import fold
from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    PlatformError,
    QuotaError,
    RejectedError,
    ReplyError,
    RetryableError,
    TokenError,
)
from shipment_tracking.platforms import times
from shipment_tracking.platforms.gateway import DialectClient, Feeds, Gateway, Unknown, nothing
from shipment_tracking.platforms.ports import Account, Changes, Json, TokenPair, Waybills
from shipment_tracking.platforms.probe import Probe
from shipment_tracking.platforms.refusals import (
    BAD_ORDER,
    BAD_ORDER_ID,
    MALFORMED,
    SHANGHAI,
    Rule,
    error_of,
)
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
    within_text,
    without_id,
    word_of,
)
from shipment_tracking.platforms.scans import Step, scans_of
from shipment_tracking.platforms.times import printed_time
from shipment_tracking.platforms.tokens import OAuth

DIALECT = "top"
PATH = "/router/rest"
SIGN_METHODS = ("hmac-sha256", "hmac", "md5")

PARCELS = "taobao.logistics.orders.get"
TRACE_GET = "taobao.logistics.trace.get"
TRACE_SEARCH = "taobao.logistics.trace.search"
TRADE = "taobao.trade.get"
TRADES = "taobao.trades.sold.increment.get"
CONSUME = "taobao.tmc.messages.consume"
CONFIRM = "taobao.tmc.messages.confirm"
REFRESH = "taobao.top.auth.token.refresh"
AUTHORISE = "https://oauth.taobao.com/authorize"

# Nothing personal: receivers' names, phones and addresses are fields of their own.
PARCEL_FIELDS = "tid,order_code,out_sid,company_name,status,is_split,sub_tids"
PAGE_SIZE = 40
TRADES_A_PAGE = 100
MESSAGES_A_PAGE = 100
MOST_LINES = 50  # in a question about a split order
SCAN_TOPIC = "taobao_logistics_LogsticDetailTrace"  # spelt so
LARGEST_ID = 2**63 - 1
LEARN_SECONDS = 5
NO_ORDER = {"tid": "1", "fields": "tid,status"}
"""A question for every API that it answers or refuses, and no order's."""
FEED_QUESTIONS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "orders": {TRADES: {}},
    "messages": {CONSUME: {"quantity": "0"}, CONFIRM: {}},
}
"""For each feed the APIs it needs, and what each refuses without reading or confirming anything."""

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
UNSHIPPED_TRADES = frozenset({"SELLER_CONSIGNED_PART", "WAIT_SELLER_SEND_GOODS"})

NO_SESSION = ("26", "27")
NO_PERMISSION = ("11", "12", "13")
NO_SUCH_API = "22"
PERMISSION_MISSING = "isv.permission"
SPLIT_ORDER = "拆单"  # the sub_code of this error is not documented

ERRORS = (
    Rule(
        ("7",),
        QuotaError,
        "the app's calls of the day are used up",
        sub_code="accesscontrol.limited-by-app-access-count",
        until_midnight=True,
    ),
    Rule(("4", "7", "8"), QuotaError, wait=2),
    Rule(("10",), RetryableError),
    Rule((), RetryableError, sub_code="isp."),
    Rule(
        ("24", "25", "sign-check-failure"),
        AuthError,
        "the signature is refused: correct the app secret (password)",
    ),
    Rule(NO_SESSION, TokenError, "the session is missing, expired or revoked"),
    Rule(("28", "29"), AuthError, "the app key (login) is unknown to the platform: correct it"),
    Rule(
        ("31",),
        PlatformBugError,
        "the platform's clock and this machine's differ by more than ten minutes: correct this "
        "machine's time",
    ),
    Rule(
        (*NO_PERMISSION, "53"),
        AuthError,
        "the app may not use this API: ask for its permission in the console of open.taobao.com",
    ),
    Rule(
        (),
        AuthError,
        "the app may not use this API: ask for its permission in the console of open.taobao.com",
        sub_code=PERMISSION_MISSING,
    ),
    Rule(
        ("21", NO_SUCH_API, "23", "30", "32", "33", "34", "40", "42", "43"),
        PlatformBugError,
        MALFORMED,
    ),
    # An argument that is refused is this order's number: everything else is always alike.
    Rule(("41",), RejectedError, BAD_ORDER_ID),
    Rule(("15", "50"), RejectedError, BAD_ORDER, sub_code="isv."),
)


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
            return [_parcel(row, order_id) for row in listed]

    def fetch_traces(self, order_id: str, waybills: Waybills | None = None) -> Json:
        """
        All parcels' traces, masked, with nothing but what ``read_traces`` reads.

        :param waybills: consignment ids by waybill number: a trace tells its number alone. The
            parcels of a number that is not among them are asked for; all parcels of a number have
            its trace.
        """
        with reading("a trace of TOP", RejectedError):
            return self._fetch_traces(order_id, _by_number(waybills or {}))

    def _fetch_traces(self, order_id: str, consignments: dict[str, list[str]]) -> Json:
        parts = [part for part in self._traces(order_id, consignments) if _steps(part)]
        strangers = {tid for part in parts if (tid := text_of(part.get("tid")))} - {order_id}
        if strangers:
            raise RetryableError(f"order {order_id} was answered with traces of {strangers.pop()}")
        if any(
            (fold(_waybill(part)) or "") not in consignments and not part.get("order_code")
            for part in parts
        ):
            consignments |= _consignments(self._shippings(order_id))
        found = [part for each in parts for part in _masked(each, consignments)]
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
                unknown=_unknown_statuses,
            )
            known = len(seen)
            for row in rows(body.get("shippings"), "shipping"):
                code, tid = id_of(row.get("order_code")), text_of(row.get("tid")) or order_id
                seen[code + tid] = tid
                if tid == order_id:
                    found[code] = row
            if len(seen) in (known, _whole(body.get("total_results"))):
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
                body = self._call(TRACE_GET, order_id, {}, unknown=_unknown_actions)
            except (AuthError, PlatformBugError) as error:
                if not _lacks_api(error):
                    raise
                self._must_search = True
            else:
                self._must_search = False
                return _parts(body)
        return self._search(order_id, consignments)

    def _search(self, order_id: str, consignments: Waybills) -> list[Json]:
        """One question for a plain order; one a parcel, with its lines, for a split one."""
        if len({each for ids in consignments.values() for each in ids}) < 2:
            try:
                return _parts(self._call(TRACE_SEARCH, order_id, {}, unknown=_unknown_actions))
            except RejectedError as error:
                if SPLIT_ORDER not in str(error):
                    raise
        return [
            {"order_code": row["order_code"]}
            | self._call(TRACE_SEARCH, order_id, _split(row), unknown=_unknown_actions)
            for row in self._shippings(order_id)
            if _status(row) is not Status.CANCELLED and id_of(row.get("order_code"))
        ]

    def _call(
        self, api: str, order_id: str, params: Mapping[str, str], unknown: Unknown = nothing
    ) -> Json:
        if not re.fullmatch(r"[0-9]{1,19}", order_id) or int(order_id) > LARGEST_ID:
            # Asked all the same, the gateway would call our request malformed.
            raise RejectedError(
                "the order's platform_order_id is not a number of Taobao; correct it in the ERP"
            )

        return _call(self._gateway, api, {**params, "tid": order_id}, read_answer, unknown)


class TradeFeed:
    """
    The seller's orders by the time of their last change.

    An order changes when it is paid, when a parcel of it is shipped, when it is received or
    closed; no scan of a parcel changes it.
    """

    longest = timedelta(hours=1)
    platforms: tuple[str, ...] = ("taobao", "tmall")
    own_orders = True

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[Changes]:
        """
        Orders whose ``modified`` lies in the time asked for, whatever their status.

        The newest change comes first. Pages are walked from the last to the first: an order that
        changes meanwhile leaves the list, and those behind it move to pages still to come.

        :raises RetryableError: the list is not complete.
        """
        first, total = self._page(since, until, 1)
        yield first
        last = -(-total // TRADES_A_PAGE)
        for number in range(last, 0 if last > 1 else 1, -1):
            yield self._page(since, until, number)[0]

    def confirm(self, changes: Changes) -> None:
        """Nothing to do: the list is there for three months."""

    def _page(self, since: datetime, until: datetime, number: int) -> tuple[Changes, int]:
        body = _call(
            self._gateway,
            TRADES,
            {
                "fields": "tid,status,modified",
                "start_modified": print_time(since),
                "end_modified": print_time(until),
                "page_no": str(number),
                "page_size": str(TRADES_A_PAGE),
                "use_has_next": "false",
            },
            partial(_read_trades, number),
        )
        return Changes(body["orders"]), body["total"]


class MessageFeed:
    """
    The app's queue of messages, one for each scan of a parcel.

    The queue is the app's: it holds the messages of all sellers who let the app in, whichever of
    them asks. The platform keeps a message for a day, and gives it again until it is confirmed.
    """

    longest = timedelta(days=2)
    platforms: tuple[str, ...] = ("taobao", "tmall")
    own_orders = False

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[Changes]:
        """
        The orders of the scans that wait, whenever they were made.

        Messages of other topics are left to whoever subscribed to them.

        :raises RetryableError: the queue's answer cannot be read.
        """
        seen: set[str] = set()
        while True:
            body = _call(self._gateway, CONSUME, {"quantity": str(MESSAGES_A_PAGE)}, _read_messages)
            fresh = body["ids"] - seen
            if not fresh:
                return
            seen |= fresh
            yield Changes(body["orders"], tuple(body["receipts"]))

    def confirm(self, changes: Changes) -> None:
        """:raises PlatformError: the messages may come again."""
        if changes.receipts:
            _call(
                self._gateway,
                CONFIRM,
                {"s_message_ids": ",".join(changes.receipts)},
                _read_confirmation,
            )


FEEDS: Feeds = {
    "orders": TradeFeed,
    "messages": MessageFeed,
}


def signed(account: Account, api: str, params: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Path and form of a call, with what every call of TOP has beside its own params."""
    form = {
        **params,
        "method": api,
        "app_key": account.app_key,
        # Real time whatever the pipeline's clock says: ten minutes off are refused.
        "timestamp": f"{datetime.now(SHANGHAI):%Y-%m-%d %H:%M:%S}",
        "format": "json",
        "v": "2.0",
        "sign_method": account.sign_method,
    }
    return PATH, form | {"sign": sign(form, account.app_secret, account.sign_method)}


def probes(gateway: Gateway, now: Callable[[], datetime]) -> Iterator[Probe]:
    """
    What a check of the connection asks, about an order that cannot exist.

    What a feed needs is asked for without what it must have, so that nothing is read or confirmed.

    The gateway looks at key, time and signature first, then at the session, the permission and
    last at the parameters.

    :param now: not needed; the platform refuses a time that is ten minutes off by itself.
    """
    yield Probe(
        "gateway, app key, app secret, clock",
        partial(_ask, gateway, PARCELS, with_session=False, is_let_in=_lacks_session),
        True,
    )
    yield Probe("access token", partial(_ask, gateway, PARCELS, is_let_in=_lacks_api), True)
    yield Probe(f"permission for {PARCELS}", partial(_ask, gateway, PARCELS))
    yield Probe(f"permission for {TRACE_GET} or {TRACE_SEARCH}", partial(_ask_traces, gateway))
    yield Probe(f"permission for {TRADE}", partial(_ask, gateway, TRADE))
    for api, params in FEED_QUESTIONS.get(gateway.account.feed, {}).items():
        ask = partial(_ask, gateway, api, params, is_let_in=_lacks_argument)
        yield Probe(f"permission for {api}", ask)


def sign(params: Mapping[str, str], secret: str, method: str = SIGN_METHODS[0]) -> str:
    """
    The value of ``sign``: the sorted key+value strings under the secret, in upper-case hex.

    Source: developer.alibaba.com articleId 101617; what is empty is not signed.

    :param method: ``hmac-sha256``, ``hmac`` (HMAC-MD5) or ``md5`` (secret at both ends).
    """
    joined = "".join(
        f"{key}{value}" for key, value in sorted(params.items()) if key != "sign" and key and value
    )
    if method == "md5":
        return md5((secret + joined + secret).encode()).hexdigest().upper()
    digest = {"hmac": "md5", "hmac-sha256": "sha256"}[method]
    return hmac.new(secret.encode(), joined.encode(), digest).hexdigest().upper()


def read_answer(http_status: int, body: Json) -> Json:
    """
    What stands inside an answer's root; an answer to ``simplify`` has none.

    :raises PlatformError: of the kind that says what to do.
    """
    refusal = within_text(body.get("error_response"))
    if not isinstance(refusal, dict) and (body.get("error_code") or body.get("sub_code")):
        # What refuses a call before it reaches the gateway knows no root.
        refusal = {"code": body.get("error_code"), "msg": body.get("error_message")} | body
    if isinstance(refusal, dict):
        said = [str(refusal[key]) for key in ("msg", "sub_msg") if refusal.get(key)]
        raise error_of(
            ERRORS,
            str(refusal.get("code") or ""),
            ": ".join(said) or "no message",
            sub_code=str(refusal.get("sub_code") or ""),
            request_id=str(refusal.get("request_id") or ""),
            now=datetime.now(UTC),
        )
    if http_status >= 400:
        raise RetryableError(f"HTTP {http_status}", code=str(http_status))
    for name, answer in body.items():
        if name.endswith("_response") and isinstance(answer, dict):
            return answer
    if "request_id" not in body or str(body.get("success")).lower() == "false":
        raise RetryableError("neither an answer nor an error of TOP")
    return body


def authorisation_page(account: Account) -> str:
    """Where the seller lets the app in again, once the address registered for it is put in."""
    query = {"response_type": "code", "client_id": account.app_key, "state": account.conn_id}
    return f"{AUTHORISE}?{urlencode(query)}&redirect_uri=REGISTERED_ADDRESS"


def refresh_request(account: Account, refresh_token: str) -> tuple[str, Mapping[str, str]]:
    """
    The call that renews a session; it needs none itself.

    Source: the API page of ``taobao.top.auth.token.refresh``, which says that the platform renews
    the sessions of apps of its service market alone; those of a shop's own app have a fixed end.
    """
    return signed(account, REFRESH, {"refresh_token": refresh_token})


def read_refresh(http_status: int, body: Json, now: datetime) -> TokenPair:
    """
    The pair in the answer, which holds it as JSON within a text.

    :param now: aware; lives count from then.
    :raises TokenError: the platform does not renew this session.
    :raises PlatformError: of the kind that says what to do.
    """
    try:
        answer = read_answer(http_status, body)
    except (RejectedError, PlatformBugError) as refusal:
        raise TokenError(
            f"the session cannot be renewed ({refusal.args[0]})",
            code=refusal.code,
            request_id=refusal.request_id,
        ) from None
    try:
        told = answer["token_result"]
        told = json.loads(told) if isinstance(told, str) else told
        return TokenPair(
            str(told["access_token"]),
            str(told.get("refresh_token") or "") or None,
            expires_at=_after(now, told.get("expires_in")),
            refresh_expires_at=_after(now, told.get("re_expires_in")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RetryableError("an answer without a session") from None


OAUTH = OAuth(REFRESH, authorisation_page, refresh_request, read_refresh)


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


def read_message(row: Json) -> tuple[str, datetime]:
    """
    The order of a message about a scan, and when it was sent.

    Source: open.taobao.com/tmc.htm?docId=728; the content is JSON within a text.

    :raises ReplyError: it is not what the platform documents.
    """
    with reading("a message of TOP", ReplyError):
        content = json.loads(row["content"])
        return str(int(content["tid"])), read_time(row.get("pub_time") or content["time"])


def print_time(at: datetime) -> str:
    """A time (aware) as the platform wants to be asked for it: ``2026-09-18 10:43:33``."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def _call(
    gateway: Gateway,
    api: str,
    params: Mapping[str, str],
    read: Callable[[int, Json], Json],
    unknown: Unknown = nothing,
) -> Json:
    def request(access_token: str) -> tuple[str, Mapping[str, str]]:
        return signed(gateway.account, api, {**params, "session": access_token})

    return gateway.call(api, request, read, unknown=unknown)


def _read_trades(number: int, http_status: int, body: Json) -> Json:
    """The times of the listed orders' last changes, and how many orders there are in all."""
    answer = read_answer(http_status, body)
    trades, total = rows(answer.get("trades"), "trade"), _whole(answer.get("total_results"))
    if not trades and total > (number - 1) * TRADES_A_PAGE:
        raise RetryableError("an order list without its orders")
    try:
        orders = {str(row["tid"]): read_time(row["modified"]) for row in trades}
    except (KeyError, ReplyError) as error:
        raise RetryableError(f"not an order list of TOP: {error!r}") from error
    return {"orders": orders, "total": total}


def _read_messages(http_status: int, body: Json) -> Json:
    """The ids of all messages, those of scans to confirm, and their orders' newest scans."""
    messages = rows(read_answer(http_status, body).get("messages"), "tmc_message")
    scans = [row for row in messages if row.get("topic") == SCAN_TOPIC]
    orders: dict[str, datetime] = {}
    try:
        for row in scans:
            with suppress(ReplyError):  # it would never become readable
                order_id, at = read_message(row)
                orders[order_id] = max(at, orders.get(order_id, at))
        return {
            "ids": {str(row["id"]) for row in messages},
            "receipts": [str(row["id"]) for row in scans],
            "orders": orders,
        }
    except KeyError as error:
        raise RetryableError(f"not a queue of TOP: {error!r}") from error


def _read_confirmation(http_status: int, body: Json) -> Json:
    answer = read_answer(http_status, body)
    if str(answer.get("is_success")).lower() != "true":
        raise RetryableError("the messages could not be confirmed")
    return answer


def _ask(
    gateway: Gateway,
    api: str,
    params: Mapping[str, str] = NO_ORDER,
    *,
    with_session: bool = True,
    is_let_in: Callable[[PlatformError], bool] = lambda refusal: False,
) -> str:
    """
    Ask about no order; a refusal that comes only after what is asked about is as good as an answer.

    :param with_session: without one, the gateway misses it once it knows who asks.
    :param is_let_in: whether a refusal is such a one.
    """

    def read(http_status: int, body: Json) -> Json:
        try:
            return read_answer(http_status, body)
        except RejectedError:
            return {}
        except (AuthError, PlatformBugError) as error:
            if not is_let_in(error):
                raise
            return {}

    def request(access_token: str) -> tuple[str, Mapping[str, str]]:
        session = {"session": access_token} if with_session else {}
        return signed(gateway.account, api, {**params, **session})

    gateway.call(api, request, read)
    return ""


def _ask_traces(gateway: Gateway) -> str:
    try:
        return _ask(gateway, TRACE_GET)
    except (AuthError, PlatformBugError) as error:
        if not _lacks_api(error):
            raise
    _ask(gateway, TRACE_SEARCH)
    return f"{TRACE_GET} is not permitted, {TRACE_SEARCH} is used instead"


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


def _lacks_api(error: PlatformError) -> bool:
    """Whether the app has no right to an API, or the platform no longer has it."""
    return error.code in (*NO_PERMISSION, NO_SUCH_API) or error.code.startswith(PERMISSION_MISSING)


def _lacks_session(error: PlatformError) -> bool:
    return isinstance(error, TokenError)


def _lacks_argument(error: PlatformError) -> bool:
    return isinstance(error, PlatformBugError) and not _lacks_api(error)


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


def _after(now: datetime, seconds: Any) -> datetime | None:
    """The end of a life in seconds; 0 says that there is none to speak of."""
    life = _whole(seconds)
    return now + timedelta(seconds=life) if life else None


def _whole(value: Any) -> int:
    digits = text_of(value)
    return int(digits) if digits.isdecimal() and len(digits) <= LONGEST_NUMBER else 0


def _parts(body: Json) -> list[Json]:
    """The parcels' parts of an answer to ``TRACE_GET``, or the one that ``TRACE_SEARCH`` is."""
    refuse_other(body, ("result", "transit_step_result", "trace_list"))
    return rows(body.get("result", body), "transit_step_result")


def _steps(part: Json) -> list[Json]:
    return rows(part.get("trace_list"), "transit_step_info")


def _unknown_statuses(body: Json) -> Iterator[str]:
    for row in rows(body.get("shippings"), "shipping"):
        if _status(row) is Status.UNKNOWN:
            yield f"parcel status {word_of(row.get('status')) or 'left out'}"
        if not id_of(row.get("order_code")):
            yield "parcel without an id"


def _unknown_actions(body: Json) -> Iterator[str]:
    for part in _parts(body):
        for step in _steps(part):
            action = word_of(step.get("action"))
            if action and action not in ACTIONS and not _is_hop_or_return(action):
                yield f"action {action}"


def _is_hop_or_return(action: str) -> bool:
    return action == ANY_HOP or action.startswith(RETURN_ACTIONS)


def _waybill(part: Json) -> str:
    return id_of(part.get("out_sid"))


def _status(row: Json) -> Status:
    return PARCEL_STATUSES.get(word_of(row.get("status")), Status.UNKNOWN)


def _parcel(row: Json, order_id: str) -> Parcel:
    """A row without its id stands for a parcel all the same: its order is not signed without it."""
    consignment_id = id_of(row.get("order_code"))
    if not consignment_id:
        return without_id(order_id)
    return Parcel(
        consignment_id=consignment_id,
        waybill_no=_waybill(row) or None,
        carrier_code=None,
        carrier_name=text_of(row.get("company_name")).strip()[:LONGEST_ID] or None,
        platform_code=word_of(row.get("status")),
        platform_status=_status(row),
    )


def _by_number(waybills: Waybills) -> dict[str, list[str]]:
    """The same ids by folded number, each once."""
    found: dict[str, list[str]] = {}
    for waybill_no, ids in waybills.items():
        known = found.setdefault(fold(waybill_no) or "", [])
        known += [each for each in ids if each not in known]
    return found


def _consignments(rows: Iterable[Json]) -> dict[str, list[str]]:
    """Consignment ids by waybill number; a cancelled parcel gives its number up to a new one."""
    live: dict[str, list[str]] = {}
    cancelled: dict[str, list[str]] = {}
    for row in rows:
        found = cancelled if _status(row) is Status.CANCELLED else live
        if _waybill(row) and id_of(row.get("order_code")):
            found.setdefault(_waybill(row), []).append(id_of(row["order_code"]))
    return _by_number(cancelled) | _by_number(live)


def _masked(part: Json, consignments: Waybills) -> list[Json]:
    """The part once for each of its parcels."""
    waybill_no, named = _waybill(part), id_of(part.get("order_code"))
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
        for step in _steps(part)
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
            for step in _steps(part)
        ),
        read_time,
        _meaning,
    )
    waybill_no = id_of(part.get("out_sid")) or None
    return ParcelTrace(id_of(part["order_code"]), waybill_no, scans.events, rejected=scans.rejected)
