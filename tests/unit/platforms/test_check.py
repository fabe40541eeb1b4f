"""A check tells apart what can be wrong with a connection, and says what to do."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.server import Sandbox
from sandbox.world import World
from shipment_tracking.domain.findings import Finding, verdict
from shipment_tracking.platforms.ali1688.api import ORDER, PARCELS, TRACES
from shipment_tracking.platforms.check import Pause, check
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.router.api import ORDER_STATUS, TRACE, WAYBILLS
from shipment_tracking.platforms.taobao.api import (
    CONFIRM,
    CONSUME,
    PARCELS as SHIPPINGS,
    TRACE_GET,
    TRACE_SEARCH,
    TRADE,
    TRADES,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
PURCHASES, SHOP = "platform_1688", "platform_taobao"
ACCOUNTS = [PURCHASES, SHOP]
ROUTERS = ["platform_router", "platform_router_taobao"]
APIS_1688 = [api.rpartition("/")[2] for api in (PARCELS, TRACES, ORDER)]

Check = Callable[..., list[Finding]]


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(START + timedelta(days=9))


@pytest.fixture
def sandbox(clock) -> Iterator[Sandbox]:
    names = [*ACCOUNTS, *ROUTERS]
    world = World(3, START, dict.fromkeys(names, 1), stories={"signed_by_self": 2})
    with Sandbox(world, clock, apps_for(names, qps=None), token_hours=None) as running:
        yield running


@pytest.fixture
def findings(sandbox, clock, account_of) -> Check:
    """What a check finds; fields of the connection may be changed."""

    def run(account: str = PURCHASES, **changes: Any) -> list[Finding]:
        gateway = Gateway(
            account_of(sandbox, account, **changes),
            Pause(1000, shortest=0),
            sleep=lambda seconds: None,
            timeout=(3, 0.5),
        )
        return list(check(gateway, now=clock.now))

    return run


@pytest.fixture
def deny(sandbox) -> Callable[..., None]:
    """Take an app's permission for some APIs away."""

    def run(account: str, *apis: str) -> None:
        platform = sandbox.platform if account == PURCHASES else sandbox.taobao
        for app in list(platform.apps.values()):
            platform.apps[app.key] = replace(app, denied=frozenset(apis))

    return run


def states(found: list[Finding]) -> list[bool | None]:
    return [finding.works for finding in found]


def failure(found: list[Finding]) -> str:
    works, text = verdict(found)
    assert works is False
    return text


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_connection_that_works_is_asked_for_each_api_and_no_order(account, findings, sandbox):
    found = findings(account)

    assert states(found) == [True] * 5
    assert verdict(found) == (True, "works")
    assert [str(finding) for finding in found[:2]][1] == "access token: ok"
    assert {call.order_id for call in sandbox.calls} <= {"", "1"}
    apis = {"currentTime", *APIS_1688} if account == PURCHASES else {SHIPPINGS, TRACE_GET, TRADE}
    assert {call.api for call in sandbox.calls} == apis


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"app_key": "999"}, "the app key (login) is unknown to the platform: correct it"),
        ({"app_secret": "another"}, "correct the app secret (password)"),
    ],
)
def test_a_wrong_key_or_secret_is_told_before_the_token_is_looked_at(
    account, changes, remedy, findings, sandbox
):
    found = findings(account, **changes)

    assert remedy in failure(found)
    assert account not in failure(found)
    assert states(found) == [False, None, None, None, None]
    assert str(found[1]) == "access token: not checked"
    assert len(sandbox.calls) == 1


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("token", ["", "never-given", "expired"])
def test_a_token_that_is_not_taken_is_told_apart_from_key_and_secret(
    account, token, findings, sandbox
):
    if token == "expired":
        sandbox.expire_token(account)
    changes = {} if token == "expired" else {"access_token": token}

    found = findings(account, **changes)

    assert "authorise the account again" in failure(found)
    assert states(found) == [True, False, None, None, None]


@pytest.mark.parametrize(
    ("account", "api"),
    [*((PURCHASES, api) for api in APIS_1688), (SHOP, SHIPPINGS), (SHOP, TRADE)],
)
def test_a_forbidden_api_is_named_and_the_others_are_asked(account, api, findings, deny):
    deny(account, api)

    found = findings(account)

    assert f"{api}: the app may not use this API: ask for its permission" in failure(found)
    assert states(found[:2]) == [True, True]
    assert [finding.about for finding in found if not finding.works] == [f"permission for {api}"]


@pytest.mark.parametrize(("account", "token"), [(PURCHASES, "access_token"), (SHOP, "session")])
def test_the_first_question_is_asked_without_a_token(account, token, findings, talker):
    talker.says(b"no", 404, "text/plain")

    findings(account, gateway=talker.url)

    assert not [form for _, form in talker.asked if token in form]


def test_every_missing_permission_is_told_at_once(findings, deny):
    deny(PURCHASES, *APIS_1688)

    text = failure(findings())

    assert text.count("ask for its permission") == 3
    assert all(api in text for api in APIS_1688)


def test_of_two_apis_for_traces_a_shop_needs_one(findings, deny):
    deny(SHOP, TRACE_GET)

    works, text = verdict(findings(SHOP))

    assert works
    assert text == f"works, but {TRACE_GET} is not permitted, {TRACE_SEARCH} is used instead"

    deny(SHOP, TRACE_GET, TRACE_SEARCH)

    assert f"{TRACE_SEARCH}: the app may not use this API" in failure(findings(SHOP))


@pytest.mark.parametrize(
    ("minutes", "warning"),
    [
        (2, "this machine's clock is 120 s behind the platform's; correct it"),
        (-2, "this machine's clock is 120 s ahead of the platform's; correct it"),
    ],
)
def test_a_clock_that_differs_from_1688s_is_a_warning(minutes, warning, findings, clock, sandbox):
    sandbox.platform.clock = Clock.standing(clock.now() + timedelta(minutes=minutes))

    found = findings()

    assert verdict(found) == (True, f"works, but {warning}")
    assert str(found[0]).endswith(f": ok: {warning}")


def test_half_a_minute_is_no_news(findings, clock, sandbox):
    sandbox.platform.clock = Clock.standing(clock.now() + timedelta(seconds=30))

    assert verdict(findings()) == (True, "works")


def test_a_clock_that_tops_gateway_refuses_is_a_failure(findings, sandbox):
    sandbox.taobao._real_now = lambda: datetime.now(UTC) + timedelta(minutes=11)

    found = findings(SHOP)

    assert "correct this machine's time" in failure(found)
    assert states(found) == [False, None, None, None, None]


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize(
    ("gateway", "reason"),
    [
        ("http://gateway.invalid", "the gateway's name is unknown to this machine's DNS"),
        ("http://127.0.0.1:1", "the gateway's machine refuses it"),
        ("https://127.0.0.1:{port}", "no TLS there"),
        ("http://127.0.0.1:{port}/elsewhere", "with text/plain instead of a JSON object"),
    ],
)
def test_a_gateway_that_is_not_reached_is_told_with_the_reason(
    account, gateway, reason, findings, talker
):
    talker.says(b"not found", 404, "text/plain")
    port = talker.url.rpartition(":")[2]

    found = findings(account, gateway=gateway.format(port=port))

    text = failure(found)
    assert reason in text
    assert "correct the host (gateway)" in text
    assert states(found) == [False, None, None, None, None]


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (200, b"<html>Welcome</html>", "text/html"),
        (302, b"<html>Log in</html>", "text/html"),
        (200, b'{"hello": "world"}', "application/json"),
        (404, b'{"detail": "Not Found"}', "application/json"),
        (200, b'{"result": "noon"}', "application/json"),
    ],
)
def test_something_else_than_a_platform_is_told(account, status, answer, kind, findings, talker):
    talker.says(answer, status, kind)

    found = findings(account, gateway=talker.url)

    assert "correct the host (gateway)" in failure(found)
    assert states(found) == [False, None, None, None, None]


def test_a_gateway_that_is_silent_is_told(findings, sandbox):
    sandbox.faults.add("hang", seconds=1)

    assert "no answer in time" in failure(findings())


@pytest.mark.parametrize("account", ACCOUNTS)
def test_passing_trouble_does_not_fail_a_check(account, findings, sandbox):
    for kind in ("reset", "http_429"):
        sandbox.faults.add(kind, times=1, seconds=1)

    assert verdict(findings(account)) == (True, "works")


def test_a_ban_of_the_day_ends_the_check_with_the_right_reason(findings, sandbox):
    for app in list(sandbox.taobao.apps.values()):
        sandbox.taobao.apps[app.key] = replace(app, daily_calls=3)

    found = findings(SHOP)

    text = failure(found)
    assert "calls of the day are used up" in text
    assert text.endswith("wait, then check again")
    assert states(found) == [True, True, True, False, None]
    assert len(sandbox.calls) == 4


def test_a_code_of_no_table_is_told_as_such(findings, talker):
    talker.says({"error_code": "gw.SomethingNew", "error_message": "no idea"}, 400)

    text = failure(findings(gateway=talker.url))

    assert "gw.SomethingNew" in text
    assert "in no table of this version" in text


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"app_secret": "HIDDEN-secret"},
        {"access_token": "HIDDEN-token"},
        {"gateway": "http://127.0.0.1:1"},
    ],
)
def test_a_check_tells_no_secret(account, changes, findings, sandbox):
    connection = sandbox.connection(account)
    secrets = ["HIDDEN", connection["password"], connection["extra"]["access_token"]]

    found = findings(account, **changes)

    told = "\n".join([*map(str, found), verdict(found)[1]])
    assert not [secret for secret in secrets if secret in told]


@pytest.mark.parametrize(("qps", "seconds"), [(1000, 0.2), (5, 1.04 / 5), (2, 0.52)])
def test_calls_are_spaced_by_the_default_or_the_connections_qps(qps, seconds):
    assert Pause(qps).seconds == seconds


@pytest.mark.parametrize("account", ROUTERS)
def test_a_router_that_works_is_asked_about_no_real_order(account, findings, sandbox):
    found = findings(account)

    assert verdict(found) == (True, "works")
    apis = {WAYBILLS, TRACE} if account == ROUTERS[0] else {ORDER_STATUS}
    assert {call.api for call in sandbox.calls} == apis


@pytest.mark.parametrize("account", ROUTERS)
@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"app_key": "999"}, "the app key (login) is unknown to the gateway"),
        ({"app_secret": "another"}, "correct the app secret (password)"),
        ({"gateway": "http://127.0.0.1:1"}, "correct the host (gateway)"),
    ],
)
def test_what_a_router_refuses_is_told_with_the_remedy(account, changes, remedy, findings):
    found = findings(account, **changes)

    assert remedy in failure(found)
    assert found[0].works is False


def test_a_session_that_a_router_refuses_is_told(findings):
    assert "the session is missing, expired or revoked" in failure(
        findings("platform_router", access_token="never-given")
    )


@pytest.mark.parametrize(
    ("account", "feed", "apis"),
    [
        (PURCHASES, "orders", ["alibaba.trade.getBuyerOrderList"]),
        (SHOP, "orders", [TRADES]),
        (SHOP, "messages", [CONSUME, CONFIRM]),
    ],
)
def test_what_a_feed_needs_is_asked_for_if_the_connection_has_one(
    account, feed, apis, findings, sandbox, deny
):
    found = findings(account, feed=feed)

    assert verdict(found) == (True, "works")
    assert [finding.about for finding in found[5:]] == [f"permission for {api}" for api in apis]
    told = {call.api: call.outcome for call in sandbox.calls}
    assert "ok" not in [told[api] for api in apis]

    for api in apis:
        deny(account, api)
        assert f"{api}: the app may not use this API" in failure(findings(account, feed=feed))
