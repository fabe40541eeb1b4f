"""The stand-in router serves the articles' own clients, and is strict with everybody else."""

import hashlib
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.platform_router import ORDER_STATUS, ROUTER_PATHS, WAYBILL_TRACE, WAYBILLS
from sandbox.server import Sandbox
from sandbox.stories import STORIES
from sandbox.world import Order, World, dialect_of, order_truth, platform_of, router_code

START = datetime(2026, 3, 2, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
ACCOUNTS = {"platform_router": 70, "platform_router_taobao": 80, "platform_router_tmall_b": 5}


class ArticlesClient:
    """The 1688 article's client, word for word where it speaks to the gateway."""

    def __init__(
        self, gateway: str, app_key: str, app_secret: str, access_token: str, changes: Any = None
    ) -> None:
        self.gateway = gateway
        self.app_key = app_key
        self.app_secret = app_secret
        self.access_token = access_token
        self.changes = changes or {}

    def _sign(self, params: dict[str, Any]) -> str:
        filtered = sorted((k, v) for k, v in params.items() if v is not None)
        qs = "".join(f"{k}{v}" for k, v in filtered)
        raw = f"{self.app_secret}{qs}{self.app_secret}"
        return hashlib.md5(raw.encode("utf-8")).hexdigest().upper()

    def call(self, method: str, biz: dict[str, str]) -> requests.Response:
        api_params: dict[str, Any] = {
            "method": method,
            "app_key": self.app_key,
            "session": self.access_token,
            "timestamp": str(int(time.time() * 1000)),
            "format": "json",
            "v": "2.0",
            "sign_method": "md5",
        }
        api_params["param2"] = urllib.parse.quote_plus(str(biz).replace("'", '"'))
        api_params |= self.changes
        api_params["sign"] = self._sign(api_params)
        return requests.get(self.gateway, params=api_params, timeout=15)

    def result(self, method: str, biz: dict[str, str]) -> dict[str, Any]:
        resp = self.call(method, biz)
        resp.raise_for_status()
        data = resp.json()
        assert "error_response" not in data, data
        result_key = next(k for k in data if k != "error_response")
        return data[result_key]


@pytest.fixture
def world() -> World:
    return World(11, START, ACCOUNTS, stories=dict.fromkeys(STORIES, 1))


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(START + timedelta(days=3))


@pytest.fixture
def sandbox(world: World, clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(world, clock, apps_for(list(ACCOUNTS), qps=None), token_hours=None) as running:
        yield running


@pytest.fixture
def story(world: World) -> Callable[..., Order]:
    return lambda name, account="platform_router": next(
        order for order in world.orders(account) if order.story == name
    )


@pytest.fixture
def client(sandbox: Sandbox) -> Callable[..., ArticlesClient]:
    """The article's client of the first account; keywords change what it sends."""

    def make(secret: str = "", **changes: str | None) -> ArticlesClient:
        given = sandbox.connection("platform_router")
        return ArticlesClient(
            f"{sandbox.url}/openapi/http/2/1",
            given["login"],
            secret or given["password"],
            given["extra"]["access_token"],
            changes,
        )

    return make


@pytest.fixture
def ask_status(sandbox: Sandbox) -> Callable[..., requests.Response]:
    """Ask for an order's status as the Taobao article does, signed by its rule."""

    def ask(order_id: str, secret: str = "", **changes: str) -> requests.Response:
        given = sandbox.connection("platform_router_taobao")
        params = {
            "method": "alibaba.logistics.OpQueryLogisticsTrace",
            "app_key": given["login"],
            "timestamp": datetime.now(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S"),
            "format": "json",
            "v": "2.0",
            "sign_method": "md5",
            "order_id": order_id,
        } | changes
        secret = secret or given["password"]
        joined = "".join(f"{key}{params[key]}" for key in sorted(params))
        sign = hashlib.md5(f"{secret}{joined}{secret}".encode()).hexdigest().upper()
        return requests.get(f"{sandbox.url}/router/rest", params=params | {"sign": sign}, timeout=5)

    return ask


def refusal(reply: requests.Response) -> int:
    assert reply.status_code == 200
    return int(reply.json()["error_response"]["code"])


def test_the_articles_client_gets_waybills_and_their_traces(client, story):
    order = story("signed_by_self")
    asking = client()

    rows = asking.result("alibaba.logistics.trade.ship", {"orderId": order.order_id})
    (parcel,) = rows["logisticsOrders"]
    number = parcel.get("billNo") or parcel.get("mailNo")
    trace = asking.result(
        "alibaba.logistics.trace.get",
        {"companyCode": parcel["logisticsCode"], "billNo": number},
    )

    assert number == order.parcels[0].waybills[0][1]
    assert trace["signStatus"] in ("SIGN", "UNSIGN")
    assert trace["traceList"][0]["desc"] == order.parcels[0].steps[0].text


def test_an_order_that_is_not_shipped_has_no_waybills(client, story, clock):
    order = story("erp_ahead")
    clock.set(order.shipped_at)

    result = client().result(WAYBILLS, {"orderId": order.order_id})

    assert not result.get("logisticsOrders")


def test_sign_comes_with_the_platforms_own_status_and_not_with_the_scan(client, story, clock):
    order = story("signed_by_self")
    (parcel,) = order.parcels
    biz = {"companyCode": router_code(parcel), "billNo": parcel.waybills[0][1]}
    signed_since = next(since for since, status in parcel.statuses if status == "SIGN")
    found = []

    for moment in (signed_since - timedelta(seconds=1), signed_since):
        clock.set(moment)
        truth = order_truth(order, moment).parcels[0]
        found.append((client().result(WAYBILL_TRACE, biz)["signStatus"], truth.sign_kind))

    assert found == [("UNSIGN", "text"), ("SIGN", "self")]


def test_a_wrong_secret_is_refused_by_both_forms(client, ask_status, story):
    order = story("signed_by_self", "platform_router_taobao")

    assert refusal(client("another-secret").call(WAYBILLS, {"orderId": "1"})) == 25
    assert refusal(ask_status(order.order_id, "another-secret")) == 25


def test_param2_must_be_encoded_before_it_is_signed(client, story):
    order = story("signed_by_self")
    plain = f'{{"orderId": "{order.order_id}"}}'

    assert refusal(client(param2=plain).call(WAYBILLS, {})) == 40
    assert refusal(client(param2=urllib.parse.quote(plain)).call(WAYBILLS, {})) == 40
    assert client(param2=urllib.parse.quote_plus(plain)).result(WAYBILLS, {})["logisticsOrders"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": "alibaba.logistics.order.get"}, 22),
        ({"method": ORDER_STATUS}, 22),
        ({"app_key": "1"}, 29),
        ({"format": "xml"}, 23),
        ({"timestamp": "2026-03-02 12:00:00"}, 31),
        ({"timestamp": str(int((time.time() - 3600) * 1000))}, 31),
        ({"v": "1.0"}, 33),
        ({"sign_method": "hmac"}, 25),
        ({"session": None}, 26),
        ({"session": "another"}, 27),
    ],
)
def test_what_the_gateway_refuses_of_the_1688_form(changes, code, client):
    assert refusal(client(**changes).call(WAYBILLS, {"orderId": "1"})) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": WAYBILLS}, 22),
        ({"timestamp": "2026-03-02 12:00:00"}, 31),
        ({"timestamp": str(int(time.time() * 1000))}, 31),
        ({"v": "1.0"}, 33),
        ({"order_id": ""}, 40),
    ],
)
def test_what_the_gateway_refuses_of_the_taobao_form(changes, code, ask_status):
    assert refusal(ask_status(**{"order_id": "1"} | changes)) == code


def test_a_form_is_not_read(sandbox):
    reply = requests.post(f"{sandbox.url}{ROUTER_PATHS[WAYBILLS]}", data={"method": WAYBILLS})

    assert reply.status_code == 405


def test_a_session_ends_and_only_the_form_that_has_one_minds(sandbox, client, ask_status, story):
    order = story("signed_by_self", "platform_router_taobao")
    sandbox.expire_token("platform_router")
    sandbox.expire_token("platform_router_taobao")

    assert refusal(client().call(WAYBILLS, {"orderId": "1"})) == 27
    assert ask_status(order.order_id).json().keys() == {"status"}


def test_an_app_without_a_package_is_refused(sandbox, client, ask_status):
    for key, app in sandbox.router.apps.items():
        denied = frozenset({WAYBILLS, ORDER_STATUS})
        sandbox.router.apps[key] = replace(app, denied=denied)

    assert refusal(client().call(WAYBILLS, {"orderId": "1"})) == 11
    assert refusal(ask_status("1")) == 11


@pytest.mark.server
def test_who_asks_too_fast_gets_http_429(world, clock):
    apps = tuple(replace(app, qps=1) for app in apps_for(list(ACCOUNTS)))
    with Sandbox(world, clock, apps, token_hours=None) as sandbox:
        given = sandbox.connection("platform_router")
        asking = ArticlesClient(
            f"{sandbox.url}/openapi/http/2/1",
            given["login"],
            given["password"],
            given["extra"]["access_token"],
        )
        replies = [asking.call(WAYBILLS, {"orderId": "1"}).status_code for _ in range(3)]

        assert 429 in replies
        assert sandbox.usage()["refused_by_quota"][given["login"]] >= 1


def test_a_carriers_code_must_be_the_routers_own(client, world):
    order = next(
        order
        for order in world.orders("platform_router")
        if order.parcels[0].carrier.code == "YUNDA" and not order.refusal
    )
    number = order.parcels[0].waybills[0][1]

    for code, is_refused in (("YUNDA", True), ("韵达快递", True), ("YD", False)):
        reply = client().call(WAYBILL_TRACE, {"companyCode": code, "billNo": number})
        assert ("error_response" in reply.json()) is is_refused


def test_a_number_that_was_replaced_stands_still_and_its_parcel_goes_on(client, story, clock):
    order = story("waybill_replaced")
    (parcel,) = order.parcels
    (_, old), (since, new) = parcel.waybills
    carrier = router_code(parcel)

    def texts(number: str) -> list[str]:
        biz = {"companyCode": carrier, "billNo": number}
        return [node["desc"] for node in client().result(WAYBILL_TRACE, biz)["traceList"]]

    clock.set(since - timedelta(seconds=1))
    assert refusal(client().call(WAYBILL_TRACE, {"companyCode": carrier, "billNo": new})) == 41

    clock.set(since + timedelta(days=9))
    truth = order_truth(order, clock.now())
    assert texts(old) == [step.text for step in parcel.shown(since)]
    assert texts(new) == [step.text for step in parcel.steps]
    assert len(texts(new)) > len(texts(old))
    assert [each.consignment_id for each in truth.parcels] == [f"{carrier}:{new}"]
    assert truth.superseded == (f"{carrier}:{old}",)


def test_anothers_waybill_or_order_is_not_to_be_had(client, ask_status, story, world):
    stranger = next(world.orders("platform_router_taobao"))
    bought = story("signed_by_self")

    assert refusal(client().call(WAYBILLS, {"orderId": stranger.order_id})) == 41
    assert refusal(client().call(WAYBILLS, {"orderId": story("not_ours").order_id})) == 41
    assert refusal(client().call(WAYBILL_TRACE, {"companyCode": "YTO", "billNo": "1"})) == 41
    assert ask_status(bought.order_id).json() == {"status": 0}
    assert ask_status("1").json() == {"status": 0}


def test_a_status_code_tells_how_far_the_whole_order_is(ask_status, story, clock, world):
    order = story("split_in_three", "platform_router_taobao")
    codes = []
    for hours in range(0, 24 * 12, 3):
        clock.set(order.shipped_at + timedelta(hours=hours))
        code = ask_status(order.order_id).json()["status"]
        truth = order_truth(order, clock.now())
        (parcel,) = truth.parcels
        assert parcel.status == ("info_received", "in_transit", "signed")[code - 1]
        assert truth.signed is (code == 3)
        codes.append(code)

    assert codes == sorted(codes)
    assert set(codes) >= {2, 3}
    assert parcel.consignment_id == order.order_id
    assert [event.label for event in parcel.events][-2:] == ["in_transit", "signed"]


def test_a_router_never_tells_of_a_line_that_waits(world):
    for account in ("platform_router", "platform_router_taobao"):
        for order in world.orders(account):
            first_sign = min(
                (
                    since
                    for each in order.parcels
                    for since, code in each.statuses
                    if code == "SIGN"
                ),
                default=None,
            )
            assert None not in order.lines_shipped
            assert first_sign is None or max(order.lines_shipped) < first_sign


@pytest.mark.parametrize("kind", ["duplicated", "reordered"])
def test_a_fault_spoils_the_scans_of_a_waybill(kind, sandbox, client, story):
    order = story("signed_by_self")
    (parcel,) = order.parcels
    biz = {"companyCode": router_code(parcel), "billNo": parcel.waybills[0][1]}
    good = client().result(WAYBILL_TRACE, biz)["traceList"]
    sandbox.faults.add(kind)

    spoilt = [client().result(WAYBILL_TRACE, biz)["traceList"] for _ in range(5)]

    assert any(nodes != good for nodes in spoilt)
    assert all(
        {node["desc"] for node in nodes} == {node["desc"] for node in good} for nodes in spoilt
    )


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("qos_200", 200, 7), ("qos_400", 400, 7), ("token_expired", 200, 27)],
)
def test_a_fault_speaks_the_routers_own_errors(kind, status, code, sandbox, client):
    sandbox.faults.add(kind)

    reply = client().call(WAYBILLS, {"orderId": "1"})

    assert (reply.status_code, reply.json()["error_response"]["code"]) == (status, code)


def test_an_empty_answer_is_no_error_and_no_waybill(sandbox, client, story):
    sandbox.faults.add("empty")

    assert client().result(WAYBILLS, {"orderId": story("signed_by_self").order_id}) == {
        "request_id": ""
    }


def test_a_missing_session_cannot_expire(sandbox, ask_status, story):
    sandbox.faults.add("token_expired")

    reply = ask_status(story("signed_by_self", "platform_router_taobao").order_id)

    assert reply.json().keys() == {"status"}


def test_an_account_is_named_after_its_dialect_and_platform(sandbox):
    named = {
        "platform_1688_east": ("param2", "1688"),
        "platform_tmall": ("top", "tmall"),
        "platform_router": ("router", "1688"),
        "platform_router_b": ("router", "1688"),
        "platform_router_taobao": ("router", "taobao"),
        "platform_router_tmall_b": ("router", "tmall"),
    }

    assert {name: (dialect_of(name), platform_of(name)) for name in named} == named
    for account in ACCOUNTS:
        extra = sandbox.connection(account)["extra"]
        assert (extra["dialect"], extra["platform"]) == (dialect_of(account), platform_of(account))
        assert bool(extra["access_token"]) is (platform_of(account) == "1688")
