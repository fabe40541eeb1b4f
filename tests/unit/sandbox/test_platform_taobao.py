"""The stand-in for Taobao and Tmall is as strict as the real gateway, and answers in its shapes."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import requests
from taobaopy.taobao import TaoBaoAPIClient, TaoBaoAPIError

from sandbox.clock import Clock
from sandbox.defaults import App, apps_for
from sandbox.erp import rows
from sandbox.platform_taobao import (
    CONFIRM,
    CONSUME,
    FULL_TRADE,
    PARCELS,
    TRACE_GET,
    TRACE_SEARCH,
    TRADE,
    TRADES,
    PlatformTaobao,
    sign,
)
from sandbox.server import Sandbox
from sandbox.stories import STORIES
from sandbox.world import Order, World, has_actions, is_self_contacted, order_truth, platform_of

START = datetime(2026, 3, 2, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
ACCOUNTS = {"platform_taobao": 90, "platform_tmall_flagship": 20, "platform_1688": 5}
FIELDS = "tid,order_code,out_sid,company_name,status,is_split,sub_tids"
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

Call = Callable[..., requests.Response]


@pytest.fixture
def world() -> World:
    return World(11, START, ACCOUNTS, stories=dict.fromkeys(STORIES, 1))


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(START + timedelta(days=3))


@pytest.fixture
def sandbox(world: World, clock: Clock) -> Iterator[Sandbox]:
    apps = apps_for(list(ACCOUNTS), qps=None)
    with Sandbox(world, clock, apps, token_hours=None) as running:
        yield running


@pytest.fixture
def story(world: World) -> Callable[[str], Order]:
    """Taobao's order that lives a story."""
    return lambda name: next(
        order for order in world.orders("platform_taobao") if order.story == name
    )


@pytest.fixture
def call(sandbox: Sandbox, session: requests.Session) -> Call:
    """Call an API as an account, rightly signed; keywords change or (None) drop parameters."""

    def send(
        api: str,
        tid: str = "",
        *,
        account: str = "platform_taobao",
        secret: str = "",
        http: str = "POST",
        **changes: str | None,
    ) -> requests.Response:
        given = sandbox.connection(account)
        params = {
            "method": api,
            "app_key": given["login"],
            "session": given["extra"]["access_token"],
            "timestamp": f"{datetime.now(SHANGHAI):%Y-%m-%d %H:%M:%S}",
            "format": "json",
            "v": "2.0",
            "sign_method": "hmac-sha256",
            "tid": tid,
            "fields": "tid,status" if api in (TRADE, FULL_TRADE) else FIELDS,
        } | changes
        sent = {name: value for name, value in params.items() if value is not None}
        if "sign" not in changes:
            method = sent.get("sign_method", "md5")
            sent["sign"] = sign(sent, secret or given["password"], method)
        data = {"params": sent} if http == "GET" else {"data": sent}
        return session.request(http, f"{sandbox.url}/router/rest", timeout=5, **data)

    return send


def refusal(reply: requests.Response) -> tuple[int, str]:
    assert reply.status_code == 200
    error = reply.json()["error_response"]
    assert error["request_id"]
    return error["code"], error.get("sub_code", "")


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


def test_it_speaks_xml_unless_json_is_asked_for(call, story):
    tid = story("signed_by_self").order_id

    reply = call(PARCELS, tid, format=None)
    refused = call(PARCELS, tid, format=None, fields=None)

    assert reply.headers["Content-Type"].startswith("text/xml")
    assert (
        f"<logistics_orders_get_response><total_results>1</total_results><shippings><shipping><tid>{tid}</tid>"
        in reply.text
    )
    assert "<error_response><code>40</code>" in refused.text
    assert "<error_response><code>23</code>" in call(PARCELS, tid, format="yaml").text


def test_simplify_leaves_out_the_root_and_the_inner_keys_of_lists(call, story):
    tid = story("split").order_id

    listed = call(PARCELS, tid, simplify="true").json()
    traced = call(TRACE_GET, tid, simplify="true").json()
    wrapped = call(PARCELS, tid).json()["logistics_orders_get_response"]

    assert listed["shippings"] == [
        row | {"sub_tids": row["sub_tids"]["number"]} for row in wrapped["shippings"]["shipping"]
    ]
    assert set(listed) == {"shippings", "total_results", "request_id"}
    (first, *_) = traced["result"]["transit_step_result"]
    assert isinstance(first["trace_list"], list)


def listed(reply: requests.Response) -> list[dict]:
    found = reply.json()["logistics_orders_get_response"].get("shippings", {}).get("shipping", [])
    return found if isinstance(found, list) else [found]


def test_only_the_fields_asked_for_come_and_persons_are_masked(call, story):
    tid = story("signed_by_self").order_id

    (least,) = listed(call(PARCELS, tid, fields="tid,order_code"))
    (more,) = listed(call(PARCELS, tid, fields="tid,receiver_name,receiver_mobile"))

    assert set(least) == {"tid", "order_code"}
    assert more == {"tid": int(tid), "receiver_name": "张*", "receiver_mobile": "*******0001"}


def test_an_order_not_shipped_yet_has_no_list_until_it_ships(call, clock, story):
    order = story("erp_ahead")
    clock.set(order.shipped_at)
    empty = call(PARCELS, order.order_id).json()["logistics_orders_get_response"]
    assert (empty["total_results"], "shippings" in empty) == (0, False)
    trade = call(TRADE, order.order_id).json()["trade_get_response"]["trade"]
    assert trade["status"] == "WAIT_SELLER_SEND_GOODS"

    clock.set(order.parcels[0].listed_at)
    assert len(listed(call(PARCELS, order.order_id))) == 1


def test_a_partly_shipped_order_says_so(call, clock, story):
    order = story("partly_shipped")
    clock.set(START + timedelta(days=20))

    reply = call(FULL_TRADE, order.order_id).json()

    assert reply["trade_fullinfo_get_response"]["trade"] == {
        "tid": int(order.order_id),
        "status": "SELLER_CONSIGNED_PART",
    }


def test_a_long_list_comes_in_pages(call, clock, story):
    order = story("split_in_three")
    clock.set(START + timedelta(days=20))

    pages = [
        listed(call(PARCELS, order.order_id, page_no=str(page), page_size="2"))
        for page in (1, 2, 3)
    ]

    assert [len(page) for page in pages] == [2, 1, 0]


def test_a_hired_carriers_parcel_says_signed_from_the_first_moment_on(call, clock, world):
    orders = [order for order in world.orders("platform_taobao") if order.story == "split"]
    hired = next(order for order in orders if is_self_contacted(order.parcels[0]))
    clock.set(hired.parcels[0].listed_at)

    (parcel, *_) = listed(call(PARCELS, hired.order_id))

    assert parcel["status"] == "ACCEPTED_BY_RECEIVER"
    assert order_truth(hired, clock.now()).parcels[0].status == "info_received"


def test_a_split_order_is_searched_with_its_lines_or_refused(sandbox, call, clock, story):
    order = story("split")
    clock.set(START + timedelta(days=20))
    first, second = listed(call(PARCELS, order.order_id))

    for changes in ({}, {"is_split": "1"}, {"sub_tid": "1"}):
        reply = call(TRACE_SEARCH, order.order_id, **changes)
        assert refusal(reply) == (15, "isv.logistics-trace-service-error:B99")
    for parcel in (first, second):
        lines = ",".join(str(line) for line in parcel["sub_tids"]["number"])
        reply = call(TRACE_SEARCH, order.order_id, is_split="1", sub_tid=lines).json()
        assert sandbox.calls[-1].part == lines
        assert reply["logistics_trace_search_response"]["out_sid"] == parcel["out_sid"]
    assert refusal(call(TRACE_SEARCH, order.order_id, is_split="1", sub_tid="1"))[0] == 15


def steps(reply: requests.Response) -> list[tuple[str, str, str, str]]:
    found = []
    result = reply.json()["logistics_trace_get_response"]["result"]
    for parcel in result.get("transit_step_result", []):
        inner = parcel.get("trace_list", {}).get("transit_step_info", [])
        for step in inner if isinstance(inner, list) else [inner]:
            code = step.get("action", "")
            found.append((parcel["out_sid"], step["status_time"], step["status_desc"], code))
    return found


def test_replies_show_exactly_what_is_published(call, clock, world):
    orders = [
        order
        for order in world.orders("platform_taobao")
        if not order.refusal and not order.has_nan
    ]
    for hours in (40, 90):
        at = clock.set(START + timedelta(hours=hours))
        for order in orders:
            assert {shown[:3] for shown in steps(call(TRACE_GET, order.order_id))} == {
                (order.printed_waybill(parcel, at), step.printed_at, text)
                for parcel in order.listed(at)
                for step in parcel.shown(at)
                for text in step.spellings(at)
            }


def test_some_parcels_have_codes_beside_their_steps_and_some_have_none(call, clock, world):
    clock.set(START + timedelta(days=20))
    seen = set()
    for order in world.orders("platform_taobao"):
        if order.story != "signed_by_self":
            continue
        (parcel,) = order.parcels
        codes = {code for *_, code in steps(call(TRACE_GET, order.order_id))}
        assert ("SIGNED" in codes) is has_actions(parcel)
        truth = order_truth(order, clock.now())
        assert truth.signed is has_actions(parcel)
        assert truth.parcels[0].sign_kind == ("self" if has_actions(parcel) else "text")
        seen.add(has_actions(parcel))
    assert True in seen


FLOW_CONTROL = (7, "accesscontrol.limited-by-app-api-access-count")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("qos_200", FLOW_CONTROL),
        ("qos_400", FLOW_CONTROL),
        ("token_expired", (27, "session-expired")),
    ],
)
def test_faults_speak_the_platforms_language(kind, code, call, sandbox, story):
    sandbox.faults.add(kind, times=1)

    reply = call(TRACE_GET, story("signed_by_self").order_id)

    assert refusal(reply) == code
    assert sandbox.calls[-1].outcome == f"fault_{kind}"


def test_answers_may_be_empty_doubled_or_reordered(call, sandbox, clock, story):
    clock.set(START + timedelta(days=20))
    tid = story("signed_by_family").order_id
    true = steps(call(TRACE_GET, tid))

    sandbox.faults.add("duplicated", times=1).add("reordered", times=1)
    sandbox.faults.add("empty", api=PARCELS, times=1).add("empty", api=TRACE_SEARCH, times=1)

    doubled, reordered = steps(call(TRACE_GET, tid)), steps(call(TRACE_GET, tid))
    assert len(doubled) > len(true)
    assert list(dict.fromkeys(doubled)) == true
    assert reordered != true
    assert sorted(reordered) == sorted(true)
    assert listed(call(PARCELS, tid)) == []
    assert set(call(TRACE_SEARCH, tid).json()["logistics_trace_search_response"]) == {"request_id"}


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


def trades(call: Call, **changes: str | None) -> requests.Response:
    params = {
        "fields": "tid,status,modified",
        "start_modified": "2026-03-04 08:00:00",
        "end_modified": "2026-03-05 08:00:00",
    }
    return call(TRADES, **params | changes)


def rows_of(reply: requests.Response) -> list[dict[str, str]]:
    answer = reply.json()["trades_sold_increment_get_response"]
    return answer.get("trades", {}).get("trade", [])


def test_changed_trades_come_newest_first_in_pages(call, world, clock):
    now = clock.now()
    expected = [
        order.order_id
        for order in sorted(
            world.orders("platform_taobao"),
            key=lambda order: (order.modified(now), order.order_id),
            reverse=True,
        )
        if not order.refusal and now - timedelta(days=1) <= order.modified(now)
    ]

    pages = [rows_of(trades(call, page_size="5", page_no=str(page))) for page in (1, 2)]

    assert [str(row["tid"]) for page in pages for row in page] == expected[:10]
    assert set(pages[0][0]) == {"tid", "status", "modified"}
    total = trades(call).json()["trades_sold_increment_get_response"]["total_results"]
    assert total == len(expected)
    more = trades(call, use_has_next="true", page_size="5")
    assert more.json()["trades_sold_increment_get_response"]["has_next"] is True


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"start_modified": "2026-03-04 07:59:59"}, 41),
        ({"page_size": "101"}, 41),
        ({"end_modified": "soon"}, 41),
        ({"start_modified": None}, 40),
        ({"fields": None}, 40),
    ],
)
def test_trades_asked_for_otherwise_are_refused(call, changes, code):
    assert refusal(trades(call, **changes))[0] == code


def consumed(call: Call, **changes: str) -> list[dict[str, str]]:
    answer = call(CONSUME, **{"quantity": "200"} | changes).json()["tmc_messages_consume_response"]
    return answer.get("messages", {}).get("tmc_message", [])


def test_a_message_of_each_scan_of_a_day_comes_until_it_is_confirmed(call, world, clock):
    now = clock.now()
    scans = [
        step.published_at
        for account in ("platform_taobao", "platform_tmall_flagship")
        for order in world.orders(account)
        if not order.refusal
        for parcel in order.parcels
        for step in parcel.steps
        if now - timedelta(days=1) <= step.published_at <= now
    ]

    first = consumed(call, quantity="3")
    assert first == consumed(call, quantity="3")
    assert json.loads(first[0]["content"]).keys() >= {"tid", "time", "desc", "action", "out_sid"}
    assert first[0]["pub_time"] == f"{min(scans).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"

    ids = ",".join(str(message["id"]) for message in first)
    reply = call(CONFIRM, s_message_ids=ids).json()
    assert reply["tmc_messages_confirm_response"]["is_success"] is True

    left = {message["id"] for message in consumed(call)}
    assert not left & {message["id"] for message in first}
    assert len(left) == min(200, len(scans) - 3)


def test_the_queue_is_the_apps_whichever_of_its_accounts_asks(call):
    other = consumed(call, account="platform_tmall_flagship")

    assert consumed(call) == other
    assert {message["user_nick"] for message in other} == {
        "platform_taobao",
        "platform_tmall_flagship",
    }


@pytest.mark.parametrize(
    ("api", "params", "code"),
    [
        (CONSUME, {"quantity": "201"}, 41),
        (CONFIRM, {}, 40),
        (CONFIRM, {"s_message_ids": "a"}, 41),
    ],
)
def test_a_queue_asked_otherwise_refuses(call, api, params, code):
    assert refusal(call(api, **params))[0] == code
