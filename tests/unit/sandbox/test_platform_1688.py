"""The stand-in for 1688 is as strict as the real gateway, and answers in its shapes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from aop.api import AlibabaTradeGetLogisticsTraceInfoBuyerViewParam
from aop.exceptions import ApiError
from aop.structure import AppInfo

from sandbox.clock import Clock
from sandbox.defaults import App, apps_for
from sandbox.platform_1688 import (
    DETAIL,
    INFOS,
    NAMESPACES,
    OAUTH,
    ORDERS,
    TIME,
    TRACES,
    Platform1688,
    Quota,
    sign,
)
from sandbox.server import Sandbox
from sandbox.world import Order, World

START = datetime(2026, 3, 2, tzinfo=UTC)
Story = Callable[[str], Order]

# (path, params, secret, signature): printed in the official documentation or recomputed with the
# sort of keys and values that the official text asks for.
VECTORS = [
    (
        "param2/1/system/currentTime/1000000",
        {"b": "2", "a": "1"},
        "test123",
        "33E54F4F7B989E3E0E912D3FBD2F1A03CA7CCE88",
    ),
    (
        "param2/1/com.alibaba.trade/alibaba.trade.getBuyerOrderList/5890829",
        {"access_token": "token-123", "page": "1", "pageSize": "20"},
        "app-secret",
        "7B91F432F48774204045D86636AFD333B71E95FB",
    ),
    (
        "param2/1/system/currentTime/TEST_APPKEY_0001",
        {
            "_aop_timestamp": "1700000000000",
            "access_token": "UNIT-TEST-TOKEN-abc123",
            "productId": "694567890123",
        },
        "UNIT-TEST-SECRET",
        "75CD0EB77C5DCB393BD2C2E4DB4CE09849780EC9",
    ),
    (
        "param2/1/ns/api/1",
        {"a": "z", "ab": "1"},
        "s",
        "DA13C6AE9A0B6F7508E16ADEE08A32BC9177E43A",
    ),
    (
        "param2/1/com.alibaba.logistics/alibaba.trade.getLogisticsInfos.buyerView/1",
        {
            "access_token": "t",
            "webSite": "1688",
            "orderId": "2938624554509662977",
            "fields": "company.name",
            "remark": "中文 空格&=%",
        },
        "s",
        "4A8500231DE2E00A51E94ED3B07B32263CDCCE43",
    ),
]


@pytest.mark.parametrize(("path", "params", "secret", "signature"), VECTORS)
def test_known_signatures_are_recomputed(path, params, secret, signature):
    assert sign(path, params, secret).decode() == signature


def test_the_official_signature_is_accepted_and_any_other_refused(world):
    app = App("1000000", "test123", ())
    platform = Platform1688(world, Clock.standing(START), [app])
    path = "/openapi/param2/1/system/currentTime/1000000"
    params = {"b": "2", "a": "1", "_aop_signature": VECTORS[0][3]}

    assert platform.answer(path, params).body == {"result": "20260302080000000+0800"}
    for changed in ({"a": "2"}, {"c": "3"}, {"_aop_signature": VECTORS[1][3]}):
        answer = platform.answer(path, params | changed)
        assert (answer.status, answer.body["error_code"]) == (400, "gw.SignatureInvalid")


def test_a_signature_over_sorted_keys_alone_is_refused(world):
    """Keys of which one begins the other are the one case where the two sorts differ."""
    app = App("1", "s", ())
    platform = Platform1688(world, Clock.standing(START), [app])
    params = {"a": "z", "ab": "1"}
    path = "param2/1/system/currentTime/1"
    good = sign(path, params, "s").decode()

    assert platform.answer(f"/openapi/{path}", params | {"_aop_signature": good}).status == 200


def independent_client(sandbox: Sandbox, order_id: str, secret: str):
    """PyPI's open_1688, pointed at the sandbox."""
    given = sandbox.connection("platform_1688")
    request = AlibabaTradeGetLogisticsTraceInfoBuyerViewParam(
        AppInfo(given["login"], secret),
        given["extra"]["access_token"],
        order_id,
        domain=sandbox.url.removeprefix("http://"),
    )
    return request.get_response()


def test_an_independent_client_is_understood(sandbox, story):
    order = story("signed_by_self")
    secret = sandbox.connection("platform_1688")["password"]

    reply = independent_client(sandbox, order.order_id, secret)

    assert reply["logisticsTrace"][0]["orderId"] == int(order.order_id)


def test_an_independent_client_with_a_wrong_secret_is_refused(sandbox, story):
    with pytest.raises(ApiError) as caught:
        independent_client(sandbox, story("signed_by_self").order_id, "wrong")

    assert caught.value.error_code == "gw.SignatureInvalid"


def test_every_error_of_the_gateway_has_its_code(call, sandbox, session, story):
    order_id = story("signed_by_self").order_id

    def code(reply) -> tuple[int, str]:
        return reply.status_code, reply.json()["error_code"]

    assert code(call(INFOS, order_id, secret="wrong")) == (400, "gw.SignatureInvalid")
    assert code(call(INFOS, order_id, _aop_signature=None)) == (400, "gw.SignatureMissing")
    assert code(call(INFOS, order_id, access_token="nobody's")) == (401, "401")
    assert code(call(INFOS, order_id, access_token=None)) == (401, "401")
    assert code(call(INFOS, order_id, webSite=None)) == (400, "gw.ParamMissing")
    assert code(call(INFOS, order_id, webSite="taobao")) == (400, "gw.ParamMissing")
    assert code(call(INFOS, orderId=None)) == (400, "gw.ParamMissing")
    assert code(call(INFOS, "12a")) == (400, "gw.ParamMissing")
    for path, expected in (
        ("1/system/currentTime/123", "gw.AppKeyNotFound"),
        ("1/com.alibaba.logistics/alibaba.logistics.trace.get/1688100001", "gw.APIUnsupported"),
        (f"1/com.alibaba.trade/{INFOS}/1688100001", "gw.APIUnsupported"),
        (f"2/com.alibaba.logistics/{INFOS}/1688100001", "gw.APIUnsupported"),
    ):
        reply = session.post(f"{sandbox.url}/openapi/param2/{path}", timeout=5)
        assert code(reply) == (400, expected)


def test_the_checks_come_in_the_gateways_order(world):
    """Token before ACL before params: an empty call still tells whether the app may call."""
    (first, _) = apps_for(world.accounts)
    app = App(first.key, first.secret, first.accounts, None, frozenset({DETAIL}))
    platform = Platform1688(world, Clock.standing(START), [app])
    path = f"param2/1/{NAMESPACES[DETAIL]}/{DETAIL}/{app.key}"

    def code(**params: str) -> str:
        signature = sign(path, params, app.secret).decode()
        answer = platform.answer(f"/openapi/{path}", params | {"_aop_signature": signature})
        return answer.body["error_code"]

    assert code() == "401"
    assert code(access_token=app.accounts[0].access_token) == "gw.APIACLDecline"


def test_get_is_accepted_too(call, story):
    assert call(INFOS, story("signed_by_self").order_id, method="GET").json()["result"]


def test_the_time_needs_a_signature_and_no_token(call):
    assert call(TIME, access_token=None).json() == {"result": "20260305080000000+0800"}
    assert call(TIME, _aop_signature=None).json()["error_code"] == "gw.SignatureMissing"


def test_an_account_sees_its_own_orders_only(call, story):
    order_id = story("signed_by_self").order_id

    assert call(INFOS, order_id).json()["result"]
    for account in ("platform_1688_east", "platform_1688_south"):
        reply = call(INFOS, order_id, account=account)
        assert reply.status_code == 200
        assert reply.json()["errorCode"] == "order.nopermission.buyer"


@pytest.mark.parametrize("api", [INFOS, TRACES, DETAIL])
def test_orders_out_of_reach_have_the_documented_errors(call, story, api):
    for name, code in (
        ("too_old", "order.createtime.history"),
        ("not_ours", "order.nopermission.buyer"),
    ):
        reply = call(api, story(name).order_id).json()
        assert (reply["success"], reply["errorCode"]) == (False, code)


def test_an_order_not_shipped_yet_says_so_until_it_ships(call, clock, story):
    order = story("erp_ahead")
    clock.set(order.shipped_at)
    assert call(INFOS, order.order_id).json() == {
        "success": False,
        "errorCode": "500_2",
        "errorMessage": "订单尚未发货，暂无物流详情，请稍候再试。",
    }

    clock.set(order.parcels[0].listed_at)
    assert call(INFOS, order.order_id).json()["result"]


def test_personal_data_comes_unless_fields_leaves_it_out(call, story, world):
    order_id = story("signed_by_self").order_id

    everything = call(INFOS, order_id, fields=None)
    least = call(INFOS, order_id, fields="company.name")

    assert set(everything.json()["result"][0]) >= {"receiver", "sender", "sendGoods"}
    assert any(name in everything.text for name in world.names)
    assert set(least.json()["result"][0]) == {
        "logisticsId",
        "logisticsBillNo",
        "orderEntryIds",
        "status",
        "logisticsCompanyId",
        "logisticsCompanyName",
        "logisticsCompanyNo",
        "gmtSystemSend",
    }
    assert not [name for name in world.names if name in least.text]


def test_all_parcels_of_an_order_come_in_one_reply_or_only_the_one_asked_for(call, clock, story):
    order = story("split_in_three")
    clock.set(START + timedelta(days=20))
    ids = {parcel.consignment_id for parcel in order.parcels}

    all_traces = call(TRACES, order.order_id).json()["logisticsTrace"]
    one = call(TRACES, order.order_id, logisticsId=min(ids)).json()["logisticsTrace"]

    assert {trace["logisticsId"] for trace in all_traces} == ids
    assert [trace["logisticsId"] for trace in one] == [min(ids)]


def test_replies_show_exactly_what_is_published(call, clock, world):
    orders = [
        order for order in world.orders("platform_1688") if not order.refusal and not order.has_nan
    ]
    for hours in (10, 40, 90):
        at = clock.set(START + timedelta(hours=hours))
        for order in orders:
            reply = call(TRACES, order.order_id).json()
            shown = {
                (trace["logisticsId"], step["acceptTime"], step["remark"])
                for trace in reply.get("logisticsTrace", [])
                for step in trace.get("logisticsSteps", [])
            }
            assert shown == {
                (parcel.consignment_id, step.printed_at, text)
                for parcel in order.listed(at)
                for step in parcel.shown(at)
                for text in step.spellings(at)
            }


def test_no_trace_yet_is_said_in_every_documented_form():
    world = World(1, START, {"platform_1688": 60}, stories={"never_collected": 1})
    (app,) = apps_for(world.accounts, qps=None)
    platform = Platform1688(world, Clock.standing(START + timedelta(days=5)), [app])
    path = f"param2/1/{NAMESPACES[TRACES]}/{TRACES}/{app.key}"
    forms = set()
    for order in world.orders():
        params = {
            "orderId": order.order_id,
            "webSite": "1688",
            "access_token": app.accounts[0].access_token,
        }
        signature = sign(path, params, app.secret).decode()
        body = platform.answer(f"/openapi/{path}", params | {"_aop_signature": signature}).body
        if traces := body.get("logisticsTrace"):
            forms.add(f"steps {traces[0].get('logisticsSteps', 'missing')}")
        else:
            forms.add(body.get("errorCode") or body.get("errorMessage") or "no parcels")

    assert forms == {"no parcels", "404", "该订单没有物流跟踪信息", "steps []", "steps missing"}


def test_the_detail_tells_unshipped_lines_and_spells_times_in_many_ways(call, clock, world, story):
    clock.set(START + timedelta(days=20))
    partly = call(DETAIL, story("partly_shipped").order_id).json()
    assert partly["success"] == "true"
    assert [item["logisticsStatus"] for item in partly["result"]["productItems"]][-1] == 1
    assert partly["result"]["baseInfo"]["status"] == "waitsellersend"

    whole = call(DETAIL, story("split").order_id).json()["result"]
    assert {item["logisticsStatus"] for item in whole["productItems"]} == {2}
    assert len(whole["nativeLogistics"]["logisticsItems"]) == 2

    times = [
        call(DETAIL, order.order_id).json()["result"]["baseInfo"]["createTime"]
        for order in world.orders("platform_1688")
        if not order.refusal
    ]
    assert {(type(time), len(str(time))) for time in times} == {
        (str, 22),
        (str, 17),
        (str, 19),
        (int, 13),
    }


def test_a_replaced_waybill_number_shows_in_every_reply(call, clock, story):
    order = story("waybill_replaced")
    (parcel,) = order.parcels
    numbers, printed = [], []
    for since, _ in parcel.waybills:
        at = clock.set(since)
        printed.append(order.printed_waybill(parcel, at))
        (info,) = call(INFOS, order.order_id).json()["result"]
        numbers.append(info["logisticsBillNo"])
    (trace,) = call(TRACES, order.order_id).json()["logisticsTrace"]

    assert numbers == printed
    assert len(set(numbers)) == 2
    assert trace["logisticsBillNo"] == numbers[-1]


def test_a_frozen_platform_answers_as_of_then(call, clock, sandbox, story):
    order = story("signed_by_self")
    at = clock.set(START + timedelta(days=1))
    before = call(TRACES, order.order_id).json()

    sandbox.freeze(at)
    clock.advance(minutes=5 * 24 * 60)
    assert call(TRACES, order.order_id).json() == before

    sandbox.freeze(None)
    assert call(TRACES, order.order_id).json() != before


@pytest.fixture
def short_lived(sandbox):
    """The tokens live for ten hours of the sandbox's clock."""
    sandbox.platform = Platform1688(sandbox.world, sandbox.clock, sandbox.apps)


@pytest.mark.usefixtures("short_lived")
def test_a_token_ends_after_ten_hours_of_the_sandboxs_clock(call, clock, story):
    order_id = story("signed_by_self").order_id
    clock.advance(minutes=599)
    assert call(INFOS, order_id).status_code == 200

    clock.advance(minutes=1)
    assert call(INFOS, order_id).status_code == 401


def test_a_replaced_token_works_and_the_old_one_does_not(call, sandbox, story):
    order_id = story("signed_by_self").order_id

    pair = sandbox.replace_token("platform_1688")

    assert call(INFOS, order_id).status_code == 401
    assert call(INFOS, order_id, access_token=pair["access_token"]).status_code == 200


@pytest.mark.usefixtures("short_lived")
def test_a_refresh_token_gives_a_new_access_token(call, clock, sandbox, session, story):
    order_id = story("signed_by_self").order_id
    given = sandbox.connection("platform_1688")
    url = f"{sandbox.url}/openapi/http/1/system.oauth2/{OAUTH}/{given['login']}"
    form = {
        "grant_type": "refresh_token",
        "client_id": given["login"],
        "client_secret": given["password"],
        "refresh_token": given["extra"]["refresh_token"],
    }
    clock.advance(minutes=601)
    assert call(INFOS, order_id).status_code == 401

    reply = session.post(url, data=form, timeout=5).json()

    assert reply["expires_in"] == "36000"
    assert call(INFOS, order_id, access_token=reply["access_token"]).status_code == 200
    refused = session.post(url, data=form | {"refresh_token": "wrong"}, timeout=5)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_the_quota_counts_every_arrival_of_any_one_second():
    quota = Quota(3)

    assert [quota.allows(at) for at in (0.0, 0.3, 0.6, 0.9)] == [True, True, True, False]
    assert [quota.allows(at) for at in (1.0, 1.95, 2.1)] == [False, True, True]


def test_accounts_of_one_app_share_its_quota(world):
    shared, own = apps_for(world.accounts, qps=2)
    platform = Platform1688(world, Clock.standing(START), [shared, own])

    def status(app: App, arrived: float) -> int:
        path = f"param2/1/system/currentTime/{app.key}"
        signature = sign(path, {}, app.secret).decode()
        answer = platform.answer(f"/openapi/{path}", {"_aop_signature": signature}, arrived)
        return answer.status

    assert [status(shared, 1.0) for _ in range(3)] == [200, 200, 400]
    assert status(own, 1.0) == 200
    assert status(shared, 2.5) == 200


def changed(call, order_id: str = "", **times: str | None):
    params = {
        "modifyStartTime": "20260201000000000+0800",
        "modifyEndTime": "20260401000000000+0800",
        "needBuyerAddressAndPhone": "false",
    }
    return call(ORDERS, order_id, **params | times)


def test_the_order_list_tells_of_shipping_and_receipt_and_of_no_scan(clock, story):
    order = story("signed_by_self")
    (parcel,) = order.parcels
    received = parcel.statuses[-1]

    assert received[1] == "SIGN"
    assert order.modified(parcel.listed_at - timedelta(seconds=1)) == order.created_at
    assert order.modified(received[0] - timedelta(seconds=1)) == parcel.listed_at
    assert order.modified(received[0]) == received[0]


def test_the_order_list_holds_what_changed_in_the_time_newest_first(call, world, clock):
    now = clock.now()
    expected = sorted(
        (
            (order.modified(now), order.order_id)
            for order in world.orders("platform_1688")
            if order.created_at <= now and order.refusal == ""
        ),
        reverse=True,
    )

    first = changed(call, pageSize="20").json()
    second = changed(call, pageSize="20", page="2").json()

    assert first["totalRecord"] == second["totalRecord"] == len(expected)
    listed = [row["baseInfo"]["idOfStr"] for page in (first, second) for row in page["result"]]
    assert listed == [order_id for _, order_id in expected][:40]
    assert changed(call, modifyEndTime="20260201000001000+0800").json()["result"] == []


def test_a_partly_shipped_order_is_not_among_those_that_wait_to_be_received(call, clock, story):
    order = story("partly_shipped")
    clock.set(order.parcels[0].listed_at)

    def listed(**status: str) -> set[str]:
        found: set[str] = set()
        for page in range(1, 5):
            rows = changed(call, pageSize="50", page=str(page), **status).json()["result"]
            found |= {row["baseInfo"]["idOfStr"] for row in rows}
        return found

    assert order.order_id in listed(orderStatus="waitsellersend")
    assert order.order_id in listed()
    assert order.order_id not in listed(orderStatus="waitbuyerreceive")


@pytest.mark.parametrize(
    "params",
    [
        {"modifyStartTime": None},
        {"modifyEndTime": "2026-03-02 00:00:00"},
        {"pageSize": "51"},
        {"page": "0"},
    ],
)
def test_an_order_list_asked_for_otherwise_is_refused(call, params):
    assert changed(call, **params).json()["error_code"] == "gw.ParamMissing"


def test_the_order_list_holds_personal_data_unless_it_is_declined(call):
    assert "nativeLogistics" not in changed(call).text
    assert "nativeLogistics" in changed(call, needBuyerAddressAndPhone=None).text
