"""The MD5 router of resellers, stood in for: the 1688 form and the Taobao form of one gateway.

As strict as it can be thought. The order of checks: method, app key, timestamp, version, signature,
quota, session, permission, params. The timestamp is compared with real time, not with the world's.
"""

import hashlib
import hmac
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from sandbox.clock import Clock
from sandbox.defaults import App
from sandbox.parcels import FINAL_LABELS, FUTURE, SHANGHAI, Parcel
from sandbox.platform_1688 import TOKEN_HOURS, Answer, Body, Quota, Tokens
from sandbox.world import Order, World, platform_of, router_code, router_status

WAYBILLS = "alibaba.logistics.trade.ship"
WAYBILL_TRACE = "alibaba.logistics.trace.get"
ORDER_STATUS = "alibaba.logistics.OpQueryLogisticsTrace"
ROUTER_PATHS = {
    WAYBILLS: "/openapi/http/2/1",
    WAYBILL_TRACE: "/openapi/http/2/1",
    ORDER_STATUS: "/router/rest",
}
NEEDED = {WAYBILLS: ("orderId",), WAYBILL_TRACE: ("companyCode", "billNo")}
WINDOW = timedelta(minutes=10)
TOO_FAST = "429"

_Refusal = tuple[int, str]


@dataclass(frozen=True, slots=True)
class _Waybill:
    """A waybill number's parcel, and since when the parcel has the number."""

    order: Order
    parcel: Parcel
    since: datetime


class PlatformRouter:
    """
    Answers calls as a reseller's router does, from the world as it is at the clock's time.

    :param token_hours: life of a session on the sandbox's clock; None lives for ever.
    :param real_now: the time that timestamps are compared with.
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
        self._by_waybill: dict[str, dict[str, list[_Waybill]]] = {}
        self._lock = threading.Lock()

    def answer(self, path: str, params: Mapping[str, str], arrived: float | None = None) -> Answer:
        """
        Answer one call.

        :param path: the URL's path.
        :param params: the query, decoded once: `param2` is still encoded.
        :param arrived: monotonic seconds of its arrival; now when left out.
        """
        api = params.get("method", "")
        answer = Answer(200, {}, "ok", params.get("app_key", ""), "", api)
        arrived = time.monotonic() if arrived is None else arrived
        refusal = self._gateway_refusal(path, answer, params)
        if refusal:
            return _refuse(answer, *refusal)
        if not self.quotas[answer.app_key].allows(arrived):
            return self.qos_error(answer, 429)
        if api == ORDER_STATUS:
            return self._order_status(answer, params)
        refusal = self._session_refusal(answer, params)
        if refusal:
            return _refuse(answer, *refusal)
        business = _business(params.get("param2", ""))
        missing = [name for name in NEEDED[api] if not (business or {}).get(name)]
        if business is None or missing:
            return _refuse(answer, 40, f"Missing required arguments:{','.join(missing)}")
        return (self._waybills if api == WAYBILLS else self._trace)(answer, business)

    def qos_error(self, answer: Answer, status: int) -> Answer:
        """Too fast, with any HTTP status."""
        _refuse(answer, 7, "App Call Limited")
        answer.status, answer.outcome = status, TOO_FAST
        return answer

    def token_error(self, answer: Answer) -> Answer:
        """The session ended."""
        return _refuse(answer, 27, "Invalid session")

    def _gateway_refusal(
        self, path: str, answer: Answer, params: Mapping[str, str]
    ) -> _Refusal | None:
        if ROUTER_PATHS.get(answer.api) != path:
            return 22, "Invalid method"
        app = self.apps.get(answer.app_key)
        if app is None:
            return 29, "Invalid app Key"
        if params.get("format") != "json":
            return 23, "Invalid format"
        if not self._is_timely(answer.api, params.get("timestamp", "")):
            return 31, "Invalid timestamp"
        if params.get("v") != "2.0":
            return 33, "Invalid version"
        if not params.get("sign"):
            return 24, "Missing signature"
        signature = sign(params, app.secret)
        if params.get("sign_method") != "md5" or not hmac.compare_digest(
            signature.encode(), params["sign"].encode()
        ):
            return 25, "Invalid signature"
        return None

    def _session_refusal(self, answer: Answer, params: Mapping[str, str]) -> _Refusal | None:
        session = params.get("session", "")
        if not session:
            return 26, "Missing session"
        answer.account = self.tokens.holder(session, answer.app_key) or ""
        if not answer.account:
            return 27, "Invalid session"
        if answer.api in self.apps[answer.app_key].denied:
            return 11, "Insufficient permissions"
        return None

    def _is_timely(self, api: str, printed: str) -> bool:
        try:
            if api == ORDER_STATUS:
                at = datetime.strptime(printed, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
            else:
                at = datetime.fromtimestamp(int(printed) / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return False
        return abs(at - self._real_now()) <= WINDOW

    def _waybills(self, answer: Answer, business: Mapping[str, str]) -> Answer:
        answer.order_id = business["orderId"]
        order = self.world.find(answer.account, answer.order_id)
        if order is None or order.refusal:
            return _refuse(answer, 41, "Invalid arguments:orderId")
        at = self.world.as_of(self.clock.now())
        # Lines that travel in one box are one waybill.
        listed = {parcel.waybill(at): parcel for parcel in order.listed(at)}
        rows = [self._waybill(order, parcel, at) for parcel in listed.values()]
        answer.outcome = "ok" if rows else "not_shipped"
        # What is not shipped has an empty list, null, or none at all.
        form = order.quirk % 3
        result: Body = {"logisticsOrders": rows or (None if form else [])}
        return _result(answer, {} if not rows and form == 2 else result)

    def _waybill(self, order: Order, parcel: Parcel, at: datetime) -> Body:
        people = self.world.people.names
        return {
            "logisticsCode": router_code(parcel, at),
            "logisticsCompanyName": parcel.carrier.name,
            "billNo" if order.quirk % 4 else "mailNo": parcel.waybill(at),
            "gmtSend": _printed(parcel.listed_at),
            "consigneeName": people[order.quirk % len(people)],
        }

    def _trace(self, answer: Answer, business: Mapping[str, str]) -> Answer:
        answer.part = number = business["billNo"]
        at = self.world.as_of(self.clock.now())
        had = self._waybills_of(answer.account).get(number, [])
        # Of a number that was given twice, its present parcel is shown.
        found = max(
            (each for each in had if each.since <= at), key=lambda each: each.since, default=None
        )
        if found is None or business["companyCode"] not in (
            router_code(found.parcel),
            router_code(found.parcel, at),
        ):
            return _refuse(answer, 41, "Invalid arguments:companyCode or billNo")
        answer.order_id = found.order.order_id
        # A number that was replaced stands still where it was left.
        at = min([at, *(since for since, _ in found.parcel.waybills if since > found.since)])
        shown = found.parcel.replied(at)
        is_signed = found.parcel.platform_status(at) == "SIGN"
        result: Body = {
            "signStatus": "SIGN" if is_signed else "UNSIGN",
            "traceList": [
                {"time": step.printed_at, "desc": text, "city": ""}
                for step in shown
                for text in step.spellings(at)
            ],
        }
        signs = [step for step in shown if step.label in FINAL_LABELS and step.occurred_at < FUTURE]
        if is_signed and signs and found.order.quirk % 5:
            signed = max(signs, key=lambda step: step.occurred_at)
            seconds = int(signed.occurred_at.timestamp())
            spellings = (signed.printed_at, seconds, seconds * 1000)
            result["signTime"] = spellings[found.order.quirk // 5 % len(spellings)]
        answer.outcome = "ok" if shown else "empty"
        return _result(answer, result)

    def _waybills_of(self, account: str) -> dict[str, list[_Waybill]]:
        with self._lock:
            if account not in self._by_waybill:
                found: dict[str, list[_Waybill]] = defaultdict(list)
                for order in self.world.orders(account):
                    for parcel in () if order.refusal else order.parcels:
                        for since, number in parcel.waybills:
                            found[number].append(_Waybill(order, parcel, since))
                self._by_waybill[account] = dict(found)
            return self._by_waybill[account]

    def _order_status(self, answer: Answer, params: Mapping[str, str]) -> Answer:
        """No session: the app's own shops are looked through."""
        answer.order_id = params.get("order_id", "")
        app = self.apps[answer.app_key]
        if answer.api in app.denied:
            return _refuse(answer, 11, "Insufficient permissions")
        if not answer.order_id:
            return _refuse(answer, 40, "Missing required arguments:order_id")
        shops = [each.name for each in app.accounts if platform_of(each.name) != "1688"]
        found = [order for shop in shops if (order := self.world.find(shop, answer.order_id))]
        code = "0"
        if found:
            answer.account = found[0].account
            code = router_status(found[0], self.world.as_of(self.clock.now()))
        answer.outcome = "ok" if code != "0" else "no_status"
        answer.body = {"status": int(code)}
        return answer


def sign(params: Mapping[str, str], secret: str) -> str:
    """`sign`: MD5 over the sorted key+value strings between two secrets, in upper-case hex."""
    pairs = "".join(f"{key}{params[key]}" for key in sorted(params) if key != "sign")
    return hashlib.md5(f"{secret}{pairs}{secret}".encode()).hexdigest().upper()


def _business(encoded: str) -> dict[str, str] | None:
    """What `param2` says; None unless it is a JSON object, percent-encoded with `+` for blanks."""
    plain = unquote_plus(encoded)
    if quote_plus(plain) != encoded:
        return None
    try:
        found: Any = json.loads(plain)
    except ValueError:
        return None
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else None


def _result(answer: Answer, result: Body) -> Answer:
    answer.body = {f"{answer.api.replace('.', '_')}_response": result}
    return answer


def _refuse(answer: Answer, code: int, message: str) -> Answer:
    answer.outcome = str(code)
    answer.body = {"error_response": {"code": code, "msg": message}}
    return answer


def _printed(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
