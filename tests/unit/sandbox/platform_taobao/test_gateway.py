"""The stand-in for Taobao signs, refuses and limits as strictly as the real gateway."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from taobaopy.taobao import TaoBaoAPIClient, TaoBaoAPIError

from sandbox.clock import Clock
from sandbox.defaults import App, apps_for
from sandbox.erp import rows
from sandbox.platform_taobao import PARCELS, TRACE_GET, TRACE_SEARCH, TRADE, PlatformTaobao, sign
from sandbox.server import Sandbox
from sandbox.world import platform_of

from .calls import ACCOUNTS, SHANGHAI, START, refusal

EXAMPLE = {
    "app_key": "12345678",
    "fields": "num_iid,title,nick,price,num",
    "format": "json",
    "method": "taobao.item.seller.get",
    "num_iid": "11223344",
    "session": "test",
    "timestamp": "2016-01-01 12:00:00",
    "v": "2.0",
}
# Of the official example; the last two recomputed with other implementations.
VECTORS = {
    "md5": "66987CB115214E59E6EC978214934FB8",
    "hmac": "D56D7858309C31B6251083A874D48273",
    "hmac-sha256": "04DB15AD0774D5CFCE2C837DE43E3FCEA9011ED74F3038FB6AB5F3C4CEA119E8",
}


@pytest.mark.parametrize(("method", "signature"), VECTORS.items())
def test_known_signatures_are_recomputed(method, signature):
    params = EXAMPLE | {"sign_method": method, "sign": "no matter", "empty": ""}

    assert sign(params, "helloworld", method) == signature


def independent_client(sandbox: Sandbox, secret: str) -> TaoBaoAPIClient:
    """PyPI's taobaopy, pointed at the sandbox."""
    given = sandbox.connection("platform_taobao")
    client = TaoBaoAPIClient(given["login"], secret, sandbox.url)
    client.set_access_token(given["extra"]["access_token"])
    return client


@pytest.fixture
def local_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set the machine's time zone."""

    def change(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()


def test_an_independent_client_is_understood(sandbox, story, local_zone):
    local_zone("Asia/Shanghai")
    order = story("signed_by_self")
    client = independent_client(sandbox, sandbox.connection("platform_taobao")["password"])

    reply = client.logistics_trace_search(tid=int(order.order_id))

    assert reply["logistics_trace_search_response"]["tid"] == int(order.order_id)


def test_an_independent_client_with_a_wrong_secret_is_refused(sandbox, story, local_zone):
    local_zone("Asia/Shanghai")
    client = independent_client(sandbox, "wrong")

    with pytest.raises(TaoBaoAPIError) as caught:
        client.logistics_trace_search(tid=int(story("signed_by_self").order_id))

    assert caught.value.code == 25


def test_a_client_that_takes_the_local_time_for_beijings_is_refused(sandbox, story, local_zone):
    local_zone("UTC")
    client = independent_client(sandbox, sandbox.connection("platform_taobao")["password"])

    with pytest.raises(TaoBaoAPIError) as caught:
        client.logistics_trace_search(tid=int(story("signed_by_self").order_id))

    assert caught.value.code == 31


@pytest.mark.parametrize("method", VECTORS)
@pytest.mark.parametrize("http", ["POST", "GET"])
def test_every_sign_method_is_accepted_and_verified(method, http, call, story):
    tid = story("signed_by_self").order_id

    good = call(TRACE_GET, tid, sign_method=method, http=http)

    assert "logistics_trace_get_response" in good.json()
    assert refusal(call(TRACE_GET, tid, sign_method=method, http=http, secret="x")) == (25, "")


def test_every_error_of_the_gateway_has_its_code(call, story):
    tid = story("signed_by_self").order_id

    def code(api: str = PARCELS, **changes: str | None) -> int:
        return refusal(call(api, tid, **changes))[0]

    assert code(method=None) == 21
    assert code(method="alibaba.logistics.OpQueryLogisticsTrace") == 22
    assert code(sign=None) == 24
    assert code(sign="0" * 32) == 25
    assert code(sign_method="sha1", sign="0" * 32) == 25
    assert code(session=None) == 26
    assert code(app_key=None) == 28
    assert code(app_key="1") == 29
    assert code(timestamp=None) == 30
    assert code(v=None) == 32
    assert code(v="3.0") == 33
    assert code(fields=None) == 40
    assert code(TRADE, fields=None) == 40
    assert refusal(call(TRACE_GET, "")) == (40, "")
    assert refusal(call(TRACE_GET, "12a")) == (41, "")


@pytest.mark.parametrize(
    ("minutes", "accepted"), [(-11, False), (-9, True), (9, True), (11, False)]
)
def test_a_timestamp_may_be_ten_minutes_off_real_time(minutes, accepted, call, story):
    at = datetime.now(SHANGHAI) + timedelta(minutes=minutes)

    reply = call(
        TRACE_GET, story("signed_by_self").order_id, timestamp=f"{at:%Y-%m-%d %H:%M:%S}"
    ).json()

    assert ("error_response" not in reply) is accepted
    assert accepted or reply["error_response"]["code"] == 31


@pytest.mark.parametrize("printed", ["1700000000000", "2026-03-02T12:00:00", ""])
def test_a_timestamp_has_one_spelling(printed, call, story):
    assert refusal(call(TRACE_GET, story("split").order_id, timestamp=printed))[0] in (30, 31)


def test_a_session_ends_is_replaced_and_is_its_apps_own(call, sandbox, story):
    tid = story("signed_by_self").order_id
    stranger = sandbox.connection("platform_1688")["extra"]["access_token"]
    assert refusal(call(TRACE_GET, tid, session=stranger)) == (27, "invalid-sessionkey")

    sandbox.expire_token("platform_taobao")
    assert refusal(call(TRACE_GET, tid)) == (27, "session-expired")

    fresh = sandbox.replace_token("platform_taobao")["access_token"]
    assert "error_response" not in call(TRACE_GET, tid, session=fresh).json()


def test_a_session_lives_as_long_as_the_worlds_clock_says(world):
    clock = Clock.standing(START)
    (app,) = apps_for(["platform_taobao"], qps=None)
    platform = PlatformTaobao(world, clock, [app], token_hours=10)
    token = app.accounts[0].access_token

    assert platform.tokens.holder(token, app.key) == "platform_taobao"
    clock.advance(minutes=601)
    assert platform.tokens.holder(token, app.key) is None


def test_an_app_may_lack_an_api(call, sandbox, story):
    app = sandbox.taobao.apps[sandbox.connection("platform_taobao")["login"]]
    sandbox.taobao.apps[app.key] = replace(app, denied=frozenset({TRACE_GET}))
    tid = story("signed_by_self").order_id

    assert refusal(call(TRACE_GET, tid)) == (11, "isv.permission-api-package-limit")
    assert "error_response" not in call(TRACE_SEARCH, tid).json()


def test_an_account_sees_its_own_orders_only(call, story):
    tid = story("signed_by_self").order_id

    for api in (PARCELS, TRACE_GET, TRACE_SEARCH, TRADE):
        assert "error_response" not in call(api, tid).json()
        reply = call(api, tid, account="platform_tmall_flagship")
        assert refusal(reply) == (15, "isv.trade-not-exist")


def test_calls_over_the_limit_are_refused_with_the_seconds_of_the_ban(world, session):
    (app,) = apps_for(["platform_taobao"], qps=5)
    form = {"method": TRACE_GET, "app_key": app.key, "format": "json", "v": "2.0"}
    form |= {"sign_method": "md5", "timestamp": f"{datetime.now(SHANGHAI):%Y-%m-%d %H:%M:%S}"}
    form["sign"] = sign(form, app.secret, "md5")
    with Sandbox(world, Clock.real(), [app]) as sandbox:
        url = f"{sandbox.url}/router/rest"
        replies = [session.post(url, data=form, timeout=5) for _ in range(8)]
        usage = sandbox.usage()

    assert [refusal(reply)[0] for reply in replies] == [26] * 5 + [7] * 3
    refused = replies[-1].json()["error_response"]
    assert refused["sub_code"] == "accesscontrol.limited-by-app-api-access-count"
    assert refused["sub_msg"] == "This ban will last for 1 more seconds"
    assert usage["refused_by_quota"] == {app.key: 3}
    assert usage["most_in_any_second"] == {app.key: 8}


def test_the_calls_of_a_day_are_limited_until_midnight_in_beijing(world):
    (app,) = apps_for(["platform_taobao"], qps=None)
    now = datetime(2026, 9, 18, 15, 30, tzinfo=UTC)
    platform = PlatformTaobao(
        world, Clock.standing(START), [replace(app, daily_calls=2)], real_now=lambda: now
    )
    form = {"method": TRACE_GET, "app_key": app.key, "format": "json", "v": "2.0"}

    def ask() -> int:
        params = form | {
            "sign_method": "hmac",
            "timestamp": f"{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
        }
        answer = platform.answer(params | {"sign": sign(params, app.secret, "hmac")})
        assert answer.status == 200
        error = answer.body["error_response"]
        if error["code"] == 7:
            assert error["sub_code"] == "accesscontrol.limited-by-app-access-count"
            assert error["sub_msg"] == "This ban will last for 1800 more seconds"
        return error["code"]

    assert [ask(), ask(), ask()] == [26, 26, 7]
    now += timedelta(minutes=30)
    assert ask() == 26


def test_an_account_tells_its_platform_by_its_name(sandbox, world):
    assert [platform_of(account) for account in ACCOUNTS] == ["taobao", "tmall", "1688"]
    for account, dialect in zip(ACCOUNTS, ("top", "top", "param2"), strict=True):
        given = sandbox.connection(account)
        assert (given["host"], given["extra"]["dialect"]) == (sandbox.url, dialect)
        assert given["extra"]["platform"] == platform_of(account)
    stored = {row.values(START)["shop"]: row.values(START)["platform"] for row in rows(world)}
    assert stored == {account: platform_of(account) for account in ACCOUNTS}


def test_accounts_of_one_protocol_share_an_app_and_others_never_do():
    names = ["platform_taobao", "platform_1688", "platform_tmall", "platform_1688_east"]

    apps = apps_for([*names, "platform_taobao_west"])

    assert [[account.name for account in app.accounts] for app in apps] == [
        ["platform_1688", "platform_1688_east"],
        ["platform_taobao", "platform_tmall"],
        ["platform_taobao_west"],
    ]
    assert len({app.key for app in apps}) == 3
    assert App("1", "s", ()).dialect == "param2"


def test_one_platforms_app_key_is_unknown_to_the_other(sandbox, session, call, story):
    given = sandbox.connection("platform_taobao")
    path = f"/openapi/param2/1/system/currentTime/{given['login']}"

    reply = session.post(f"{sandbox.url}{path}", timeout=5)

    assert reply.json()["error_code"] == "gw.AppKeyNotFound"
    stranger = sandbox.connection("platform_1688")["login"]
    assert refusal(call(PARCELS, story("split").order_id, app_key=stranger)) == (29, "")
