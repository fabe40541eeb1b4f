"""The 1688 dialect of the stand-in platform: a request in, a status and a body out, no sockets.

As strict as the real gateway. The order of checks: app key, quota, API, signature, token, ACL,
params.
"""

import hashlib
import hmac
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from sandbox.clock import Clock
from sandbox.defaults import Account, App
from sandbox.parcels import SHANGHAI, Parcel
from sandbox.world import Order, World

INFOS = "alibaba.trade.getLogisticsInfos.buyerView"
TRACES = "alibaba.trade.getLogisticsTraceInfo.buyerView"
DETAIL = "alibaba.trade.get.buyerView"
ORDERS = "alibaba.trade.getBuyerOrderList"
TIME = "currentTime"
OAUTH = "getToken"
NAMESPACES = {
    INFOS: "com.alibaba.logistics",
    TRACES: "com.alibaba.logistics",
    DETAIL: "com.alibaba.trade",
    ORDERS: "com.alibaba.trade",
    TIME: "system",
    OAUTH: "system.oauth2",
}
TOKEN_HOURS = 10.0
MOST_A_PAGE = 50
ALL_FIELDS = frozenset({"company.name", "sender", "receiver", "sendgood"})
REFUSALS = {
    "order.nopermission.buyer": "你没有权限获取该订单详情(买家端)",
    "order.createtime.history": "不支持查询一年前的物流轨迹信息",
}
NO_TRACE_FORMS: tuple[dict[str, Any], ...] = (
    {"success": True, "logisticsTrace": []},
    {"success": False, "errorCode": "404", "errorMessage": "无法找到相对应的物流单跟踪信息。"},
    {"success": False, "errorMessage": "该订单没有物流跟踪信息"},
)
PACIFIC = timezone(timedelta(hours=-7))

Body = dict[str, Any]


@dataclass(slots=True)
class Answer:
    """What a call gets, and what the log keeps of it."""

    status: int
    body: Body
    outcome: str
    app_key: str = ""
    account: str = ""
    api: str = ""
    order_id: str = ""
    as_xml: bool = False
    part: str = ""


@dataclass(slots=True)
class Token:
    account: Account
    app_key: str
    expires_at: datetime | None


@dataclass(slots=True)
class Pair:
    """What a renewal gives; the refresh token is the old one unless its app rotates."""

    access_token: str
    refresh_token: str
    token: Token


class Tokens:
    """
    Access and refresh tokens of all accounts.

    :param hours: life of an access token on the sandbox's clock; None lives for ever.
    """

    def __init__(self, apps: Iterable[App], clock: Clock, hours: float | None) -> None:
        self._clock = clock
        self._hours = hours
        self._lock = threading.Lock()
        self._count = itertools.count(1)
        self._access: dict[str, Token] = {}
        self._refresh: dict[str, Token] = {}
        for app in apps:
            for account in app.accounts:
                token = Token(account, app.key, self._end())
                self._access[account.access_token] = token
                self._refresh[account.refresh_token] = token

    @property
    def seconds(self) -> int:
        """The life that a renewal promises."""
        return round((self._hours or TOKEN_HOURS) * 3600)

    def holder(self, access_token: str, app_key: str) -> str | None:
        """The account a token speaks for; None when it is unknown, expired or another app's."""
        token = self._access.get(access_token)
        if token is None or token.app_key != app_key:
            return None
        if token.expires_at is not None and self._clock.now() >= token.expires_at:
            return None
        return token.account.name

    def is_known(self, access_token: str, app_key: str) -> bool:
        """Whether a token was ever good for the app, expired or not."""
        token = self._access.get(access_token)
        return token is not None and token.app_key == app_key

    def expire(self, account: str) -> None:
        """End the account's access token at once."""
        for token in self._of(account):
            token.expires_at = self._clock.now()

    def revoke_refresh_tokens(self) -> None:
        """Let no pair be renewed any more."""
        self._refresh.clear()

    def replace(self, account: str) -> dict[str, str]:
        """Give the account a new pair; the old one is dead."""
        (old, *_) = self._of(account)
        self._access = {key: token for key, token in self._access.items() if token is not old}
        self._refresh = {key: token for key, token in self._refresh.items() if token is not old}
        number = next(self._count)
        pair = {
            "access_token": f"{old.account.access_token}-{number}",
            "refresh_token": f"{old.account.refresh_token}-{number}",
        }
        token = Token(old.account, old.app_key, self._end())
        self._access[pair["access_token"]] = token
        self._refresh[pair["refresh_token"]] = token
        return pair

    def refresh(self, refresh_token: str, app: App) -> Pair | None:
        """A new access token; an app that rotates gets a new refresh token too. Old ones die."""
        with self._lock:
            old = self._refresh.get(refresh_token)
            if old is None or old.app_key != app.key:
                return None
            number = next(self._count)
            token = Token(old.account, old.app_key, self._end())
            pair = Pair(f"{old.account.access_token}-{number}", refresh_token, token)
            self._access = {key: held for key, held in self._access.items() if held is not old}
            if app.rotates:
                pair.refresh_token = f"{old.account.refresh_token}-{number}"
                del self._refresh[refresh_token]
            self._access[pair.access_token] = self._refresh[pair.refresh_token] = token
            return pair

    def _of(self, account: str) -> list[Token]:
        found = [token for token in self._access.values() if token.account.name == account]
        if not found:
            raise KeyError(f"no such account in the sandbox: {account}")
        return found

    def _end(self) -> datetime | None:
        return self._clock.now() + timedelta(hours=self._hours) if self._hours else None


@dataclass(slots=True)
class Quota:
    """Arrivals of one app key; every arrival counts, also one that was refused."""

    qps: float | None
    recent: deque[float] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, arrived: float) -> bool:
        """Count an arrival (monotonic seconds); False when it is over the limit."""
        if self.qps is None:
            return True
        with self.lock:
            while self.recent and self.recent[0] <= arrived - 1:
                self.recent.popleft()
            self.recent.append(arrived)
            return len(self.recent) <= self.qps


class Platform1688:
    """
    Answers calls as the real gateway does, from the world as it is at the clock's time.

    :param token_hours: life of an access token on the sandbox's clock; None lives for ever.
    :param qos_status: HTTP status of the quota error, 400 or 200.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        apps: Sequence[App],
        *,
        token_hours: float | None = TOKEN_HOURS,
        qos_status: int = 400,
    ) -> None:
        self.world = world
        self.clock = clock
        self.apps = {app.key: app for app in apps}
        self.tokens = Tokens(apps, clock, token_hours)
        self.quotas = {app.key: Quota(app.qps) for app in apps}
        self.qos_status = qos_status
        self._apis: dict[str, Callable[[Order, datetime, Mapping[str, str]], Body]] = {
            INFOS: self._infos,
            TRACES: self._traces,
            DETAIL: self._detail,
        }

    def answer(self, path: str, params: Mapping[str, str], arrived: float | None = None) -> Answer:
        """
        Answer one call.

        :param path: the URL's path, percent-decoded.
        :param params: the form or query, decoded.
        :param arrived: monotonic seconds of its arrival; now when left out.
        """
        answer = Answer(404, {"error_code": "404", "error_message": "Not found"}, "not_found")
        parts = path.strip("/").split("/")
        if len(parts) != 6 or parts[0] != "openapi" or parts[1] not in ("param2", "http"):
            return answer
        _, protocol, version, namespace, api, app_key = parts
        answer.api, answer.app_key = api, app_key
        answer.order_id = params.get("orderId", "")
        app = self.apps.get(app_key)
        if app is None:
            return _refuse(answer, 400, "gw.AppKeyNotFound", "AppKey not found")
        if not self.quotas[app_key].allows(time.monotonic() if arrived is None else arrived):
            return qos_error(answer, self.qos_status)
        if NAMESPACES.get(api) != namespace or version != "1":
            return _refuse(answer, 400, "gw.APIUnsupported", "Unsupported API")
        if api == OAUTH:
            return self._refresh_token(answer, app, params)
        if protocol != "param2":
            return _refuse(answer, 400, "gw.APIUnsupported", "Unsupported API")
        return self._signed_call(answer, app, "/".join(parts[1:]), params)

    def _signed_call(
        self, answer: Answer, app: App, url_path: str, params: Mapping[str, str]
    ) -> Answer:
        signature = params.get("_aop_signature")
        if not signature:
            return _refuse(answer, 400, "gw.SignatureMissing", "Missing signature")
        if not hmac.compare_digest(sign(url_path, params, app.secret), signature.encode()):
            return _refuse(answer, 400, "gw.SignatureInvalid", "Invalid signature", exception=True)
        now = self.clock.now()
        if answer.api == TIME:
            answer.status, answer.outcome = 200, "ok"
            answer.body = {"result": compact(now)}
            return answer
        answer.account = self.tokens.holder(params.get("access_token", ""), app.key) or ""
        if not answer.account:
            return token_error(answer)
        if answer.api in app.denied:
            return _refuse(answer, 403, "gw.APIACLDecline", "AppKey is not allowed(acl)")
        if answer.api == ORDERS:
            return self._order_list(answer, self.world.as_of(now), params)
        for name, is_good in (
            ("webSite", params.get("webSite") == "1688"),
            ("orderId", answer.order_id.isascii() and answer.order_id.isdecimal()),
        ):
            if not is_good:
                kind = "Invalid" if params.get(name) else "Missing"
                return _refuse(answer, 400, "gw.ParamMissing", f"{kind} param: {name}")
        return self._order_call(answer, now, params)

    def _order_list(self, answer: Answer, at: datetime, params: Mapping[str, str]) -> Answer:
        """The account's orders that were last changed in a time; the whole time is asked for."""
        try:
            start, end = (
                datetime.strptime(params[name], "%Y%m%d%H%M%S000%z")
                for name in ("modifyStartTime", "modifyEndTime")
            )
            number, size = int(params.get("page", "1")), int(params.get("pageSize", "20"))
            if not (number > 0 and 0 < size <= MOST_A_PAGE):
                raise ValueError(number, size)
        except (KeyError, ValueError):
            return _refuse(answer, 400, "gw.ParamMissing", "Invalid param: modifyStartTime")
        found = [
            order
            for order in self.world.orders(answer.account)
            if order.created_at <= at
            and order.refusal != "order.nopermission.buyer"
            and start <= order.modified(at) <= end
            and self._is_wanted(order, at, params.get("orderStatus"))
        ]
        found.sort(key=lambda order: (order.modified(at), order.order_id), reverse=True)
        listed = found[(number - 1) * size : number * size]
        # What it says of logistics holds addresses.
        included = "None" if params.get("needBuyerAddressAndPhone") == "false" else ""
        answer.status, answer.outcome = 200, "ok" if listed else "empty"
        answer.body = {
            "result": [
                self._detail(order, at, {"includeFields": included})["result"] for order in listed
            ],
            "totalRecord": len(found),
            "success": True,
        }
        return answer

    def _is_wanted(self, order: Order, at: datetime, status: str | None) -> bool:
        """A partly shipped order still waits for its seller."""
        waits = order.has_unshipped_lines(at)
        return status in (None, "waitsellersend" if waits else "waitbuyerreceive")

    def _order_call(self, answer: Answer, now: datetime, params: Mapping[str, str]) -> Answer:
        answer.status = 200
        order = self.world.find(answer.account, answer.order_id)
        refusal = order.refusal if order else "order.nopermission.buyer"
        if order is None or refusal:
            answer.outcome = refusal
            answer.body = _business_error(refusal, REFUSALS[refusal])
            return answer
        answer.body = self._apis[answer.api](order, self.world.as_of(now), params)
        if answer.api == DETAIL or answer.body.get("result") or has_steps(answer.body):
            answer.outcome = "ok"
        else:
            answer.outcome = "not_shipped" if answer.api == INFOS else "empty"
        return answer

    def _infos(self, order: Order, at: datetime, params: Mapping[str, str]) -> Body:
        listed = order.listed(at)
        if not listed:
            return _business_error("500_2", "订单尚未发货，暂无物流详情，请稍候再试。")
        wanted = frozenset(params.get("fields", "").split(",")) - {""} or ALL_FIELDS
        result = [self._info(order, parcel, at, wanted) for parcel in listed]
        return {"result": result} if order.quirk % 5 == 0 else {"success": True, "result": result}

    def _info(self, order: Order, parcel: Parcel, at: datetime, wanted: frozenset[str]) -> Body:
        info: Body = {
            "logisticsId": parcel.consignment_id,
            "logisticsBillNo": order.printed_waybill(parcel, at),
            "orderEntryIds": line_ids(order, parcel),
            "status": printed_status(parcel, at),
            "gmtSystemSend": parcel.listed_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S"),
        }
        if "company.name" in wanted:
            info["logisticsCompanyId"] = parcel.carrier.company_id
            info["logisticsCompanyName"] = parcel.carrier.name
            info["logisticsCompanyNo"] = parcel.carrier.code
        if "sendgood" in wanted:
            info["sendGoods"] = [{"unit": "个", "quantity": 2, "goodName": "测试商品"}]
        if "receiver" in wanted:
            info["receiver"] = self._person(order, "receiver", 0)
        if "sender" in wanted:
            info["sender"] = self._person(order, "sender", 1)
        return info

    def _person(self, order: Order, role: str, number: int) -> Body:
        people = self.world.people
        return {
            f"{role}Name": people.names[(order.quirk + number) % len(people.names)],
            f"{role}Mobile": people.mobiles[(order.quirk + number) % len(people.mobiles)],
            f"{role}Phone": "",
            f"{role}Province": "浙江省",
            f"{role}City": "杭州市",
            f"{role}County": "滨江区",
            f"{role}Address": "测试路1号",
            "encrypt": "CN",
        }

    def _traces(self, order: Order, at: datetime, params: Mapping[str, str]) -> Body:
        wanted = params.get("logisticsId")
        traces = [
            self._trace(order, parcel, at)
            for parcel in order.listed(at)
            if not wanted or parcel.consignment_id == wanted
        ]
        form = order.quirk % 4
        if not any(trace.get("logisticsSteps") for trace in traces) and (form < 3 or not traces):
            return dict(NO_TRACE_FORMS[form % 3])
        body: Body = {"logisticsTrace": traces}
        return body if order.quirk % 3 == 0 else body | {"success": True}

    def _trace(self, order: Order, parcel: Parcel, at: datetime) -> Body:
        trace: Body = {
            "logisticsId": parcel.consignment_id,
            "orderId": int(order.order_id),
            "logisticsBillNo": order.printed_waybill(parcel, at),
        }
        steps = [
            {"acceptTime": step.printed_at, "remark": text}
            for step in parcel.replied(at)
            for text in step.spellings(at)
        ]
        if steps or order.quirk % 8 < 4:
            trace["logisticsSteps"] = steps
        return trace

    def _detail(self, order: Order, at: datetime, params: Mapping[str, str]) -> Body:
        listed = order.listed(at)
        spell = TIME_SPELLINGS[order.quirk % len(TIME_SPELLINGS)]
        waits = order.has_unshipped_lines(at)
        status = "waitsellersend" if waits else "waitbuyerreceive"
        result: Body = {
            "baseInfo": {
                "businessType": "cn",
                "buyerID": f"b2b-{order.order_id[-6:]}",
                "createTime": spell(order.created_at),
                "id": int(order.order_id),
                "idOfStr": order.order_id,
                "modifyTime": spell(order.modified(at)),
                "sellerID": "b2b-1624747073",
                "sellerLoginId": "synthetic_seller",
                "status": status,
                "totalAmount": 128.0,
                "shippingFee": 10,
                "refund": 0,
                "discount": 0,
                "tradeType": "50060",
            },
            "productItems": [
                {
                    "subItemID": line_id(order, number),
                    "subItemIDString": str(line_id(order, number)),
                    "status": status,
                    "statusStr": "",
                    "logisticsStatus": 1 if shipped is None or at < shipped else 2,
                    "name": "测试商品",
                    "quantity": 2,
                    "unit": "件",
                    "itemAmount": 59.0,
                }
                for number, shipped in enumerate(order.lines_shipped)
            ],
        }
        included = params.get("includeFields")
        if not included or "NativeLogistics" in included.split(","):
            result["nativeLogistics"] = self._native_logistics(order, listed, at, spell)
        return {"success": "true", "retCodes": ["BUYER_ENCRYPT"], "result": result}

    def _native_logistics(
        self,
        order: Order,
        listed: Sequence[Parcel],
        at: datetime,
        spell: Callable[[datetime], Any],
    ) -> Body:
        person = self._person(order, "receiver", 0)
        logistics: Body = {
            "province": "浙江省",
            "city": "杭州市",
            "contactPerson": person["receiverName"],
            "mobile": person["receiverMobile"],
            "address": person["receiverAddress"],
        }
        if listed:
            logistics["logisticsItems"] = [
                {
                    "deliveredTime": spell(parcel.listed_at),
                    "logisticsCode": parcel.consignment_id,
                    "type": "0",
                    "id": int(parcel.consignment_id[2:]),
                    "status": "alreadysend",
                    "gmtModified": spell(parcel.listed_at),
                    "gmtCreate": spell(parcel.listed_at),
                    "logisticsBillNo": order.printed_waybill(parcel, at),
                    "logisticsCompanyId": int(parcel.carrier.company_id),
                    "logisticsCompanyNo": parcel.carrier.code,
                    "logisticsCompanyName": parcel.carrier.name,
                    "subItemIds": line_ids(order, parcel),
                }
                for parcel in listed
            ]
        return logistics

    def _refresh_token(self, answer: Answer, app: App, params: Mapping[str, str]) -> Answer:
        """OAuth: not signed, another error envelope."""
        is_app = params.get("client_id") == app.key and params.get("client_secret") == app.secret
        if not is_app:
            return _refuse_grant(answer, "invalid_client", "client_id or client_secret is wrong")
        pair = None
        if params.get("grant_type") == "refresh_token":
            pair = self.tokens.refresh(params.get("refresh_token", ""), app)
        if pair is None:
            return _refuse_grant(answer, "invalid_grant", "refresh token expired")
        answer.status, answer.outcome, answer.account = 200, "ok", pair.token.account.name
        answer.body = {
            "aliId": "8888888888",
            "resource_owner": answer.account,
            "memberId": "b2b-1624961198",
            "expires_in": str(self.tokens.seconds),
            "access_token": pair.access_token,
        }
        if app.rotates:
            end = self.clock.now() + timedelta(days=app.refresh_days)
            answer.body |= {
                "refresh_token": pair.refresh_token,
                "refresh_token_timeout": compact(end),
            }
        return answer


def sign(url_path: str, params: Mapping[str, str], secret: str) -> bytes:
    """`_aop_signature`: HMAC-SHA1 over the path and the sorted key+value strings."""
    pairs = sorted(key + value for key, value in params.items() if key != "_aop_signature")
    message = (url_path + "".join(pairs)).encode()
    return hmac.new(secret.encode(), message, hashlib.sha1).hexdigest().upper().encode()


def has_steps(body: Body) -> bool:
    """Whether a trace reply holds any step."""
    return any(trace.get("logisticsSteps") for trace in body.get("logisticsTrace") or ())


def printed_status(parcel: Parcel, at: datetime) -> str:
    """The platform's code for how far a parcel is."""
    status = parcel.platform_status(at)
    return "TRANSPORTING" if parcel.has_new_codes and status == "TRANSPORT" else status


def line_id(order: Order, number: int) -> int:
    """Sub-order id of a line."""
    return int(order.order_id) + 20_000_000_000_000_000 + 2 * (number + 1)


def line_ids(order: Order, parcel: Parcel) -> str:
    return ",".join(str(line_id(order, number)) for number in parcel.lines)


def qos_error(answer: Answer, status: int) -> Answer:
    """The quota error, with HTTP 400 or 200."""
    return _refuse(answer, status, "gw.QosAppFrequencyLimit", "App call exceeds limited frequency")


def token_error(answer: Answer) -> Answer:
    return _refuse(answer, 401, "401", "Request need user authorized", exception=True)


def compact(at: datetime) -> str:
    """`20260925101010000+0800`."""
    return at.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S000+0800")


# The four spellings of a time, and one of them with the offset of the official samples.
TIME_SPELLINGS: tuple[Callable[[datetime], Any], ...] = (
    compact,
    lambda at: compact(at).removesuffix("+0800"),
    lambda at: at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S"),
    lambda at: int(at.timestamp() * 1000),
    lambda at: at.astimezone(PACIFIC).strftime("%Y%m%d%H%M%S000-0700"),
)


def _refuse(
    answer: Answer, status: int, code: str, message: str, *, exception: bool = False
) -> Answer:
    answer.status, answer.outcome = status, code
    answer.body = {"error_code": code, "error_message": message}
    if exception:
        answer.body["exception"] = message
    return answer


def _refuse_grant(answer: Answer, error: str, description: str) -> Answer:
    answer.status, answer.outcome = 400, error
    answer.body = {"error": error, "error_description": description}
    return answer


def _business_error(code: str, message: str) -> Body:
    return {"success": False, "errorCode": code, "errorMessage": message}
