"""The stand-in for 1688 is as strict as the real gateway."""

import pytest
from aop.api import AlibabaTradeGetLogisticsTraceInfoBuyerViewParam
from aop.exceptions import ApiError
from aop.structure import AppInfo

from sandbox.clock import Clock
from sandbox.defaults import App, apps_for
from sandbox.platform_1688 import DETAIL, INFOS, NAMESPACES, TIME, Platform1688, Quota, sign
from sandbox.server import Sandbox

from .calls import START

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
