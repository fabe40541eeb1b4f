"""The Taobao dialect (TOP) of the stand-in platform, for accounts of Taobao and Tmall.

As strict as the real gateway. The order of checks: method, app key, timestamp, version, signature,
quota, session, permission, params. The timestamp is compared with real time, not with the world's.
"""

import hashlib
import hmac
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from sandbox.clock import Clock
from sandbox.defaults import App
from sandbox.parcels import SHANGHAI, Parcel, Step
from sandbox.platform_1688 import TOKEN_HOURS, Answer, Body, Quota, Tokens, line_id
from sandbox.world import Order, World, has_actions, is_self_contacted

PARCELS = "taobao.logistics.orders.get"
TRACE_GET = "taobao.logistics.trace.get"
TRACE_SEARCH = "taobao.logistics.trace.search"
TRADE = "taobao.trade.get"
FULL_TRADE = "taobao.trade.fullinfo.get"
TRADES = "taobao.trades.sold.increment.get"
CONSUME = "taobao.tmc.messages.consume"
CONFIRM = "taobao.tmc.messages.confirm"
REFRESH = "taobao.top.auth.token.refresh"
PATH = "/router/rest"

WINDOW = timedelta(minutes=10)
SIGN_METHODS = ("md5", "hmac", "hmac-sha256")
MOST_SUB_TIDS = 50
MOST_TRADES = 100
MOST_MESSAGES = 200
LONGEST_SPAN = timedelta(days=1)
MESSAGES_KEPT = timedelta(hours=24)
SCAN_TOPIC = "taobao_logistics_LogsticDetailTrace"
FLOW_CONTROL = "accesscontrol.limited-by-app-api-access-count"
DAILY_QUOTA = "accesscontrol.limited-by-app-access-count"
NO_PACKAGE = "isv.permission-api-package-limit"
SPLIT_MESSAGE = "当前操作的订单是拆单订单，拆单标记和子订单列表都必须传递"
MASKED = {
    "receiver_name": "张*",
    "receiver_mobile": "*******0001",
    "receiver_address": "测试街道**路*号",
}
REQUIRED: dict[str, tuple[str, ...]] = {
    TRADES: ("fields", "start_modified", "end_modified"),
    CONSUME: (),
    CONFIRM: ("s_message_ids",),
}

# By the world's own status of a parcel whose carrier the platform hired.
HIRED_STATUSES = {
    "WAITACCEPT": "SENDING",
    "ACCEPT": "ACCEPTED",
    "TRANSPORT": "PICK_UP",
    "SIGN": "ACCEPTED_BY_RECEIVER",
}
BAD_STATUSES = {"UNSIGN": "LOST", "NOGET": "PICK_UP_FAILED", "CANCEL": "CANCELLED"}
TRACE_STATUSES = {
    "SENDING": "等候发送给物流公司",
    "ACCEPTED": "物流公司已接单",
    "PICK_UP": "物流公司揽收成功",
    "PICK_UP_FAILED": "物流公司揽收失败",
    "ACCEPTED_BY_RECEIVER": "对方已签收",
    "REJECTED_BY_RECEIVER": "对方拒绝签收",
}
ACTIONS = {
    "info_received": ("CREATE", "CONSIGN"),
    "picked_up": ("GOT",),
    "in_transit": ("ARRIVAL", "DEPARTURE", "SENT_CITY"),
    "out_for_delivery": ("SENT_SCAN",),
    "ready_for_pickup": ("STA_INBOUND",),
    "signed": ("SIGNED",),
    "delivery_failed": ("FAILED",),
    "returning": ("REJECT", "RT_BACK"),
    "returned": ("SIGNED",),
}


class PlatformTaobao:
    """
    Answers calls as the real gateway does, from the world as it is at the clock's time.

    :param token_hours: life of a session on the sandbox's clock; None lives for ever.
    :param real_now: the time that timestamps are compared with, and the day of the daily quota.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        apps: Sequence[App],
        *,
        token_hours: float | None = TOKEN_HOURS,
        real_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.world = world
        self.clock = clock
        self.apps = {app.key: app for app in apps}
        self.tokens = Tokens(apps, clock, token_hours)
        self.quotas = {app.key: Quota(app.qps) for app in apps}
        self._real_now = real_now
        self._days: Counter[tuple[str, date]] = Counter()
        self._days_lock = threading.Lock()
        self._request_numbers = itertools.count(1)
        self._apis: dict[str, Callable[[Order, datetime, Mapping[str, str]], Body]] = {
            PARCELS: self._parcels,
            TRACE_GET: self._trace_get,
            TRACE_SEARCH: self._trace_search,
            TRADE: self._trade,
            FULL_TRADE: self._trade,
        }
        self._feeds: dict[str, Callable[[Answer, datetime, Mapping[str, str]], Body]] = {
            TRADES: self._trades,
            CONSUME: self._consume,
            CONFIRM: self._confirm,
        }
        self._confirmed: dict[str, set[str]] = {app.key: set() for app in apps}

    def answer(self, params: Mapping[str, str], arrived: float | None = None) -> Answer:
        """
        Answer one call.

        :param params: the form or query, decoded.
        :param arrived: monotonic seconds of its arrival; now when left out.
        """
        api = params.get("method", "")
        answer = Answer(200, {}, "", params.get("app_key", ""), "", api, params.get("tid", ""))
        answer.as_xml = params.get("format", "xml") != "json"
        answer.part = params.get("sub_tid", "")
        refusal = self._refusal(answer, params, time.monotonic() if arrived is None else arrived)
        if refusal:
            return self._refuse(answer, *refusal)
        if api == REFRESH:
            return self._refresh_session(answer, params)
        at = self.world.as_of(self.clock.now())
        try:
            if api in self._feeds:
                inner = self._feeds[api](answer, at, params)
            else:
                order = self.world.find(answer.account, answer.order_id)
                if order is None or order.refusal:
                    return self._refuse(answer, 15, "isv.trade-not-exist", "交易不存在")
                inner = self._apis[api](order, at, params)
        except _Refused as refused:
            return self._refuse(answer, *refused.args)
        inner["request_id"] = self._request_id()
        answer.outcome = answer.outcome or _outcome(inner)
        if params.get("simplify") == "true" and not answer.as_xml:
            answer.body = _simplified(inner)
        else:
            root = api.removeprefix("taobao.").replace(".", "_")
            answer.body = {f"{root}_response": inner}
        return answer

    def qos_error(self, answer: Answer, seconds: float = 1) -> Answer:
        """Flow control: this app asked this API too often; HTTP 200 in any case."""
        return self._refuse(
            answer, 7, FLOW_CONTROL, f"This ban will last for {round(seconds)} more seconds"
        )

    def token_error(self, answer: Answer) -> Answer:
        """The session ended."""
        return self._refuse(answer, 27, "session-expired", "用户授权已过期")

    def _refusal(
        self, answer: Answer, params: Mapping[str, str], arrived: float
    ) -> tuple[int, str, str] | None:
        """What the gateway has against a call: code, sub_code and message."""
        if not answer.api:
            return 21, "", "Missing method"
        if answer.api not in (*self._apis, *self._feeds, REFRESH):
            return 22, "", "Invalid method"
        app = self.apps.get(answer.app_key)
        if app is None:
            return (29, "", "Invalid app Key") if answer.app_key else (28, "", "Missing app key")
        if params.get("format", "xml") not in ("xml", "json"):
            return 23, "", "Invalid format"
        if not params.get("timestamp"):
            return 30, "", "Missing timestamp"
        if not self._is_timely(params["timestamp"]):
            return 31, "", "Invalid timestamp"
        if params.get("v") != "2.0":
            return (33, "", "Invalid version") if params.get("v") else (32, "", "Missing version")
        if not params.get("sign"):
            return 24, "", "Missing signature"
        method = params.get("sign_method", "")
        if method not in SIGN_METHODS or not hmac.compare_digest(
            sign(params, app.secret, method).encode(), params["sign"].encode()
        ):
            return 25, "", "Invalid signature"
        limited = self._limit(app, arrived)
        if limited or answer.api == REFRESH:
            return limited
        return self._account_refusal(answer, app, params)

    def _account_refusal(
        self, answer: Answer, app: App, params: Mapping[str, str]
    ) -> tuple[int, str, str] | None:
        session = params.get("session", "")
        if not session:
            return 26, "", "Missing session"
        answer.account = self.tokens.holder(session, app.key) or ""
        if not answer.account:
            known = self.tokens.is_known(session, app.key)
            if known:
                return 27, "session-expired", "用户授权已过期"
            return 27, "invalid-sessionkey", "SessionKey非法"
        if answer.api in app.denied:
            return 11, NO_PACKAGE, "scope ids is 381 11498"
        if answer.api in self._feeds:
            for name in REQUIRED[answer.api]:
                if not params.get(name):
                    return 40, "", f"Missing required arguments:{name}"
            return None
        for name in ("fields", "tid") if answer.api in (PARCELS, TRADE, FULL_TRADE) else ("tid",):
            if not params.get(name):
                return 40, "", f"Missing required arguments:{name}"
        tid = answer.order_id
        if not (tid.isascii() and tid.isdecimal() and int(tid) < 2**63):
            return 41, "", "Invalid arguments:tid"
        return None

    def _refresh_session(self, answer: Answer, params: Mapping[str, str]) -> Answer:
        """The next session; TOP gives it as JSON within a text, and a new refresh token."""
        app = self.apps[answer.app_key]
        pair = self.tokens.refresh(params.get("refresh_token", ""), app)
        if pair is None:
            return self._refuse(answer, 15, "isv.refresh-token-invalid", "refresh_token无效")
        answer.account, answer.outcome = pair.token.account.name, "ok"
        told = {
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "token_type": "Bearer",
            "expires_in": self.tokens.seconds,
            "re_expires_in": round(app.refresh_days * 86400),
            "taobao_user_nick": answer.account,
        }
        answer.body = {
            "top_auth_token_refresh_response": {
                "token_result": json.dumps(told),
                "request_id": self._request_id(),
            }
        }
        return answer

    def _limit(self, app: App, arrived: float) -> tuple[int, str, str] | None:
        if not self.quotas[app.key].allows(arrived):
            return 7, FLOW_CONTROL, "This ban will last for 1 more seconds"
        if app.daily_calls is None:
            return None
        now = self._real_now().astimezone(SHANGHAI)
        with self._days_lock:
            self._days[app.key, now.date()] += 1
            used = self._days[app.key, now.date()]
        if used <= app.daily_calls:
            return None
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        left = int((midnight - now).total_seconds())
        return 7, DAILY_QUOTA, f"This ban will last for {left} more seconds"

    def _is_timely(self, printed: str) -> bool:
        try:
            at = datetime.strptime(printed, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
        except ValueError:
            return False
        return abs(at - self._real_now()) <= WINDOW

    def _refuse(self, answer: Answer, code: int, sub_code: str, message: str) -> Answer:
        answer.outcome = sub_code or str(code)
        error: Body = {"code": code, "msg": message if not sub_code else "Remote service error"}
        if code == 7:
            error["msg"] = "App Call Limited"
        if sub_code:
            error |= {"sub_code": sub_code, "sub_msg": message}
        answer.body = {"error_response": error | {"request_id": self._request_id()}}
        return answer

    def _request_id(self) -> str:
        return f"15r4k6x{next(self._request_numbers):06d}"

    def _parcels(self, order: Order, at: datetime, params: Mapping[str, str]) -> Body:
        listed = order.listed(at)
        size = int(params.get("page_size") or 40)
        first = (int(params.get("page_no") or 1) - 1) * size
        wanted = set(params["fields"].split(","))
        rows = [
            {
                name: value
                for name, value in self._shipping(order, parcel, at).items()
                if name in wanted
            }
            for parcel in listed[first : first + size]
        ]
        body: Body = {"total_results": len(listed)}
        # An empty list is left out, and now and then a single one comes without its list.
        if rows:
            single = len(rows) == 1 and order.quirk % 3 == 0
            body["shippings"] = {"shipping": rows[0] if single else rows}
        return body

    def _shipping(self, order: Order, parcel: Parcel, at: datetime) -> Body:
        shipping: Body = {
            "tid": int(order.order_id),
            "order_code": parcel.consignment_id,
            "out_sid": order.printed_waybill(parcel, at),
            "company_name": company_name(parcel),
            "status": shipping_status(parcel, at),
            "type": "express",
            "seller_confirm": "yes",
            "item_title": "测试商品",
            "created": _printed(parcel.listed_at),
            "modified": _printed(at),
            "is_split": is_split(order, parcel),
        } | MASKED
        if shipping["is_split"]:
            shipping["sub_tids"] = {"number": [line_id(order, number) for number in parcel.lines]}
        return shipping

    def _trace_get(self, order: Order, at: datetime, params: Mapping[str, str]) -> Body:
        listed = order.listed(at)
        if order.quirk % 2:
            # Parcels that travel in one box are one trace.
            listed = list({parcel.waybill(at): parcel for parcel in listed}.values())
        parts = [self._trace(order, parcel, at) for parcel in listed]
        return {"result": {"transit_step_result": parts} if parts else {}}

    def _trace_search(self, order: Order, at: datetime, params: Mapping[str, str]) -> Body:
        listed = order.listed(at)
        if not listed:
            return {"tid": int(order.order_id)}
        if not any(is_split(order, parcel) for parcel in listed):
            return self._trace(order, listed[0], at)
        wanted = set(filter(None, params.get("sub_tid", "").split(",")))
        if params.get("is_split") != "1" or not wanted:
            raise _Refused(15, "isv.logistics-trace-service-error:B99", SPLIT_MESSAGE)
        found = [
            parcel
            for parcel in listed
            if wanted & {str(line_id(order, number)) for number in parcel.lines}
        ]
        if not found or len(wanted) > MOST_SUB_TIDS:
            raise _Refused(15, "isv.invalid-parameter", "非法参数")
        return self._trace(order, found[0], at)

    def _trace(self, order: Order, parcel: Parcel, at: datetime) -> Body:
        status = shipping_status(parcel, at)
        trace: Body = {
            "out_sid": order.printed_waybill(parcel, at),
            "company_name": company_name(parcel),
            "tid": int(order.order_id),
            "status": TRACE_STATUSES.get(status, ""),
        }
        steps = [
            _step(parcel, step, text) for step in parcel.replied(at) for text in step.spellings(at)
        ]
        if steps:
            single = len(steps) == 1 and order.quirk % 3 == 0
            trace["trace_list"] = {"transit_step_info": steps[0] if single else steps}
        return trace

    def _trade(self, order: Order, at: datetime, params: Mapping[str, str]) -> Body:
        status = "WAIT_BUYER_CONFIRM_GOODS"
        if order.has_unshipped_lines(at):
            status = "SELLER_CONSIGNED_PART" if order.listed(at) else "WAIT_SELLER_SEND_GOODS"
        trade: Body = {
            "tid": int(order.order_id),
            "tid_str": order.order_id,
            "status": status,
            "created": _printed(order.created_at),
            "modified": _printed(order.modified(at)),
        } | MASKED
        wanted = set(params["fields"].split(","))
        return {"trade": {name: value for name, value in trade.items() if name in wanted}}

    def _trades(self, answer: Answer, at: datetime, params: Mapping[str, str]) -> Body:
        """The seller's orders that were last changed in a time of one day at most, newest first."""
        start, end = (_time_param(params, name) for name in ("start_modified", "end_modified"))
        if not timedelta() <= end - start <= LONGEST_SPAN:
            raise _Refused(41, "isv.invalid-parameter", "Invalid arguments:end_modified")
        number = _number_param(params, "page_no", 1, 10**6)
        size = _number_param(params, "page_size", 40, MOST_TRADES)
        found = [
            order
            for order in self.world.orders(answer.account)
            if order.created_at <= at and not order.refusal and start <= order.modified(at) <= end
        ]
        found.sort(key=lambda order: (order.modified(at), order.order_id), reverse=True)
        listed = found[(number - 1) * size : number * size]
        rows = [self._trade(order, at, params)["trade"] for order in listed]
        answer.outcome = "ok" if rows else "empty"
        body: Body = {"total_results": len(found)}
        if params.get("use_has_next") == "true":
            body = {"has_next": number * size < len(found)}
        return body | ({"trades": {"trade": rows}} if rows else {})

    def _consume(self, answer: Answer, at: datetime, params: Mapping[str, str]) -> Body:
        """Messages of the app's queue, oldest first; every call gives what is not confirmed."""
        most = _number_param(params, "quantity", 100, MOST_MESSAGES)
        confirmed = self._confirmed[answer.app_key]
        waiting = [
            message
            for message in self._messages(self.apps[answer.app_key], at)
            if str(message["id"]) not in confirmed
        ]
        answer.outcome = "ok" if waiting else "empty"
        return {"messages": {"tmc_message": waiting[:most]}} if waiting else {}

    def _confirm(self, answer: Answer, at: datetime, params: Mapping[str, str]) -> Body:
        ids = params["s_message_ids"].split(",")
        if len(ids) > MOST_MESSAGES or not all(number.isdecimal() for number in ids):
            raise _Refused(41, "isv.invalid-parameter", "Invalid arguments:s_message_ids")
        self._confirmed[answer.app_key].update(ids)
        answer.outcome = "ok"
        return {"is_success": True}

    def lose_messages(self, account: str, at: datetime) -> None:
        """Confirm all that waits for the account's app, as another reader of its queue would."""
        app = next(
            app for app in self.apps.values() if account in {each.name for each in app.accounts}
        )
        waiting = self._messages(app, self.world.as_of(at))
        self._confirmed[app.key].update(str(message["id"]) for message in waiting)

    def _messages(self, app: App, at: datetime) -> list[Body]:
        """One for each scan of the last day, of all accounts that let the app in."""
        scans = [
            (step.published_at, account.name, order, parcel, position)
            for account in app.accounts
            for order in self.world.orders(account.name)
            if not order.refusal
            for parcel in order.parcels
            for position, step in enumerate(parcel.steps)
            if not (step.is_earlier_life or step.is_strangers)
            if at - MESSAGES_KEPT <= step.published_at <= at
        ]
        scans.sort(key=lambda scan: (scan[0], scan[3].consignment_id, scan[4]))
        return [_message(*scan) for scan in scans]


class _Refused(Exception):
    """An API refuses what it is asked: code, sub_code and message."""


def sign(params: Mapping[str, str], secret: str, method: str) -> str:
    """`sign`: over the sorted key+value strings of all that is not empty, in upper-case hex."""
    pairs = "".join(
        key + params[key] for key in sorted(params) if key != "sign" and key and params[key]
    )
    if method == "md5":
        return hashlib.md5(f"{secret}{pairs}{secret}".encode()).hexdigest().upper()
    algorithm = hashlib.md5 if method == "hmac" else hashlib.sha256
    return hmac.new(secret.encode(), pairs.encode(), algorithm).hexdigest().upper()


def company_name(parcel: Parcel) -> str:
    """The carrier's name as Taobao prints it: without its code."""
    return parcel.carrier.name.partition("(")[0].partition("（")[0]


def is_split(order: Order, parcel: Parcel) -> bool:
    """Whether the order's lines travel in more than this one parcel."""
    return len(parcel.lines) < len(order.lines_shipped)


def shipping_status(parcel: Parcel, at: datetime) -> str:
    """
    `Shipping.status`.

    A parcel whose carrier the seller hired says 对方已签收 from the first moment on.
    """
    status = parcel.platform_status(at)
    if status in BAD_STATUSES:
        return BAD_STATUSES[status]
    if is_self_contacted(parcel):
        return "ACCEPTED_BY_RECEIVER"
    if any(step.label == "returning" for step in parcel.shown(at)):
        return "REJECTED_BY_RECEIVER"
    if parcel.has_new_codes and status == "TRANSPORT":
        return "PICKED_UP"
    return HIRED_STATUSES[status]


def render_xml(body: Body) -> bytes:
    """What comes unless `format=json` is asked for."""
    return f'<?xml version="1.0" encoding="utf-8" ?>{_xml(body)}'.encode()


def _xml(value: Any) -> str:
    if not isinstance(value, dict):
        return escape(str(value).lower() if isinstance(value, bool) else str(value))
    return "".join(
        f"<{name}>{_xml(each)}</{name}>"
        for name, inner in value.items()
        for each in (inner if isinstance(inner, list) else [inner])
    )


def _simplified(value: Any) -> Any:
    """Without the inner keys of lists."""
    if isinstance(value, list):
        return [_simplified(each) for each in value]
    if not isinstance(value, dict):
        return value
    wrappers = {"shipping", "number", "transit_step_info", "trade", "tmc_message"}
    if len(value) == 1 and (only := next(iter(value))) in wrappers:
        inner = _simplified(value[only])
        return inner if isinstance(inner, list) else [inner]
    return {name: _simplified(inner) for name, inner in value.items()}


def _outcome(inner: Body) -> str:
    """What the log keeps of a good answer."""
    if "trade" in inner:
        return "ok"
    if "total_results" in inner:
        return "ok" if inner["total_results"] else "not_shipped"
    result = inner.get("result") or {}
    parts = result.get("transit_step_result", ()) if "result" in inner else [inner]
    return "ok" if any(part.get("trace_list") for part in parts) else "empty"


def _step(parcel: Parcel, step: Step, text: str) -> Body:
    printed: Body = {"status_time": step.printed_at, "status_desc": text}
    if has_actions(parcel) and step.is_backed:
        codes = ACTIONS[step.label]
        is_new = parcel.has_new_codes and step.label != "signed"
        printed["action"] = codes[len(text) % len(codes)] + ("_V2" if is_new else "")
    return printed


def _message(
    published_at: datetime, account: str, order: Order, parcel: Parcel, position: int
) -> Body:
    """A message about a scan; its content is JSON within a text."""
    step = parcel.steps[position]
    content = {
        "tid": int(order.order_id),
        "time": step.printed_at,
        "desc": step.text,
        "action": ACTIONS[step.label][0],
        "out_sid": parcel.waybill(published_at),
        "company_name": company_name(parcel),
    }
    return {
        "id": int(parcel.consignment_id[2:]) * 1000 + position,
        "topic": SCAN_TOPIC,
        "pub_time": _printed(published_at),
        "user_nick": account,
        "content": json.dumps(content, ensure_ascii=False),
    }


def _time_param(params: Mapping[str, str], name: str) -> datetime:
    try:
        return datetime.strptime(params[name], "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        raise _Refused(41, "", f"Invalid arguments:{name}") from None


def _number_param(params: Mapping[str, str], name: str, usual: int, most: int) -> int:
    value = params.get(name) or str(usual)
    if not value.isdecimal() or not 0 < int(value) <= most:
        raise _Refused(41, "", f"Invalid arguments:{name}")
    return int(value)


def _printed(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
