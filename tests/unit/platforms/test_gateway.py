"""A call is tried again when that can help, metered in any case, and never tells a secret."""

import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event, text

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.platform_1688 import INFOS
from sandbox.server import Sandbox
from sandbox.world import World
from shipment_tracking.domain.models import ApiUsage
from shipment_tracking.errors import (
    AuthError,
    PlatformError,
    RejectedError,
    RetryableError,
)
from shipment_tracking.platforms.ali1688.api import sign
from shipment_tracking.platforms.check import Pause
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import PlatformClient

START = datetime(2026, 3, 2, tzinfo=UTC)
FAULTS = {
    "http_500": "retryable",
    "http_502": "retryable",
    "reset": "retryable",
    "hang": "retryable",
    "half_json": "retryable",
    "html": "retryable",
    "http_429": "quota",
    "qos_200": "quota",
    "qos_400": "quota",
}
HARMLESS = [fault for fault, outcome in FAULTS.items() if outcome == "retryable"]


@pytest.fixture
def warehouse(quotas: Engine) -> Engine:
    return quotas


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    world = World(3, START, {"platform_1688": 1}, stories={"signed_by_self": 1})
    clock = Clock.standing(START + timedelta(days=9))
    with Sandbox(world, clock, apps_for(world.accounts, qps=None), token_hours=None) as running:
        yield running


@pytest.fixture
def order(sandbox) -> str:
    """The only order of the sandbox."""
    return next(sandbox.world.orders()).order_id


@pytest.fixture
def client(sandbox, open_client) -> PlatformClient:
    return open_client(sandbox, timeout=(3, 0.2))


@pytest.fixture
def slots(quotas: Engine) -> Iterator[list[str]]:
    """Grows with each reservation of call times."""
    reserved: list[str] = []

    def note(*call: object) -> None:
        if "slots" in str(call[2]):
            reserved.append(str(call[2]))

    event.listen(quotas, "before_cursor_execute", note)
    yield reserved
    event.remove(quotas, "before_cursor_execute", note)


def outcomes(usage: list[ApiUsage]) -> dict[str, int]:
    assert {entry.api for entry in usage} == {INFOS}
    return {entry.outcome: entry.calls for entry in usage}


@pytest.mark.parametrize(("fault", "outcome"), FAULTS.items())
def test_a_passing_fault_is_tried_again_with_a_new_slot_and_metered(
    fault, outcome, sandbox, client, order, quotas, slots
):
    sandbox.faults.add(fault, times=1)

    assert len(client.fetch_parcels(order)) == 1

    assert [call.outcome for call in sandbox.calls] == [f"fault_{fault}", "ok"]
    assert len(slots) >= 2  # a slot that this machine was late for is thrown away
    assert outcomes(client.drain_usage()) == {outcome: 1, "ok": 1}
    assert (blocked_until(quotas, sandbox) is not None) is (outcome == "quota")


def blocked_until(quotas: Engine, sandbox: Sandbox) -> datetime | None:
    query = text(
        "select blocked_until from tracking.api_quota where gateway = :url and share = 'all'"
    )
    with quotas.connect() as connection:
        return connection.execute(query, {"url": sandbox.url}).scalar_one()


@pytest.mark.parametrize("fault", ["http_500", "reset", "half_json"])
def test_a_fault_that_stays_is_told_after_three_tries(fault, sandbox, client, order):
    sandbox.faults.add(fault)

    with pytest.raises(RetryableError, match=r"^platform_1688: alibaba.trade.getLogisticsInfos"):
        client.fetch_parcels(order)

    assert len(sandbox.calls) == 3
    assert outcomes(client.drain_usage()) == {"retryable": 3}


def test_a_platform_that_is_away_is_a_passing_fault(sandbox, client, order):
    sandbox.stop()

    with pytest.raises(RetryableError, match="no connection"):
        client.fetch_parcels(order)


def test_a_refused_token_is_not_tried_again(sandbox, client, order):
    sandbox.expire_token("platform_1688")

    with pytest.raises(AuthError) as raised:
        client.fetch_parcels(order)

    assert raised.value.code == "401"
    assert len(sandbox.calls) == 1
    assert outcomes(client.drain_usage()) == {"auth": 1}


def test_a_refused_order_is_not_tried_again(sandbox, client):
    with pytest.raises(RejectedError):
        client.fetch_parcels("2938624554509662977")

    assert len(sandbox.calls) == 1
    assert outcomes(client.drain_usage()) == {"rejected": 1}


def test_usage_is_counted_once(client, order):
    client.fetch_parcels(order)
    client.fetch_parcels(order)

    (usage,) = client.drain_usage()
    assert (usage.outcome, usage.calls) == ("ok", 2)
    assert usage.seconds > 0
    assert client.drain_usage() == []


@pytest.mark.parametrize("trouble", [*HARMLESS, "http_429", "token_expired", "away", "wrong_key"])
def test_nothing_tells_a_secret(trouble, sandbox, open_client, order, caplog):
    caplog.set_level(logging.DEBUG)
    changes = {"app_secret": "another-secret"} if trouble == "wrong_key" else {}
    client = open_client(
        sandbox,
        timeout=(3, 0.2),
        pace=Pause(1000, shortest=0),
        refresh_token="refresh-of-the-test",
        **changes,
    )
    if trouble == "away":
        sandbox.stop()
    elif not changes:
        sandbox.faults.add(trouble)

    with pytest.raises(PlatformError) as raised:
        client.fetch_parcels(order)

    told = "\n".join((caplog.text, *shown(raised.value), repr(client.account)))
    assert not [secret for secret in secrets(client, order) if secret in told]


def shown(error: BaseException) -> Iterator[str]:
    """All that any print of the error and of what led to it can show."""
    yield from traceback.format_exception(error)
    seen: BaseException | None = error
    while seen is not None:
        yield f"{seen!r} {seen} {seen.args}"
        seen = seen.__cause__ or seen.__context__


def secrets(client: PlatformClient, order: str) -> list[str]:
    account = client.account
    form = {
        "orderId": order,
        "webSite": "1688",
        "fields": "company.name",
        "access_token": account.access_token,
    }
    path = f"param2/1/com.alibaba.logistics/{INFOS}/{account.app_key}"
    signature = sign(path, form, account.app_secret)
    return [account.app_secret, account.access_token, "refresh-of-the-test", signature]


@pytest.fixture
def router_sandbox() -> Iterator[Sandbox]:
    """A gateway whose calls carry token and signature in their addresses."""
    world = World(3, START, {"platform_router": 1}, stories={"signed_by_self": 1})
    clock = Clock.standing(START + timedelta(days=9))
    apps = apps_for(["platform_router"], qps=None)
    with Sandbox(world, clock, apps, token_hours=None) as running:
        yield running


@pytest.mark.parametrize(
    "trouble", ["none", *HARMLESS, "http_429", "qos_400", "token_expired", "away", "wrong_key"]
)
def test_nothing_tells_a_secret_that_travels_in_an_address(
    trouble, router_sandbox, open_client, caplog
):
    caplog.set_level(logging.DEBUG)
    order = next(router_sandbox.world.orders()).order_id
    changes = {"app_secret": "another-secret"} if trouble == "wrong_key" else {}
    pace = Pause(1000, shortest=0)
    client = open_client(router_sandbox, "platform_router", timeout=(3, 0.2), pace=pace, **changes)
    if trouble == "away":
        router_sandbox.stop()
    elif trouble not in ("none", "wrong_key"):
        router_sandbox.faults.add(trouble)

    try:
        client.fetch_parcels(order)
        errors: tuple[str, ...] = ()
    except PlatformError as error:
        errors = tuple(shown(error))

    assert bool(errors) is (trouble != "none")
    assert "urllib3" in caplog.text  # which would tell the address
    told = "\n".join((caplog.text, *errors, repr(client.account)))
    hidden = (client.account.app_secret, client.account.access_token, "session=", "sign=")
    assert not [secret for secret in hidden if secret in told]


@pytest.fixture
def call(gateway: Gateway) -> Callable[[], object]:
    """Ask the talker for anything."""
    return lambda: gateway.call("api", lambda _: ("/path", {"a": "1"}), lambda status, body: body)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (r'{"text": "前\u0000后"}', "前后"),
        (r'{"text": "前\ud83d后"}', "前?后"),
        (r'{"text": "前\uDE00后"}', "前?后"),
        (r'{"text": "前\ud83d\ude00后"}', "前\U0001f600后"),
        ('{"text": "前后"}', "前后"),
    ],
)
def test_characters_no_database_can_hold_do_not_lose_the_answer(sent, stored, call, talker, quotas):
    talker.says(sent.encode())

    answer = call()

    assert answer == {"text": stored}
    with quotas.connect() as connection:
        assert connection.scalar(text("select cast(:text as text)"), {"text": stored}) == stored


def test_bytes_that_cannot_be_decoded_are_this_orders_trouble(call, talker):
    talker.says('{"text": "前后"}'.encode().replace(b"\xe5\x89\x8d", b"\xff"))

    with pytest.raises(RejectedError, match=r"cannot be decoded as utf-8 \(byte 10\)"):
        call()


@pytest.mark.parametrize("cut", [12, 11, 5])
def test_an_answer_that_is_cut_off_is_passing_trouble(cut, call, talker):
    talker.says('{"text": "前后"}'.encode()[:cut])

    with pytest.raises(RetryableError, match="instead of a JSON object"):
        call()


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (b"<html></html>", "text/html;charset=UTF-8", "HTTP 200 with text/html instead of"),
        (b"[1]", "application/json", "HTTP 200 with application/json instead of"),
        (b"", "text/plain", "HTTP 200 with text/plain instead of"),
        (b"[" * 100_000, "application/json", "HTTP 200 with application/json instead of"),
    ],
)
def test_what_is_no_json_object_is_told_by_its_kind(content, kind, told, call, talker):
    talker.says(content, kind=kind)

    with pytest.raises(RetryableError, match=told):
        call()


def test_a_redirect_is_not_followed(call, talker):
    talker.says(b"", 302, Location="http://127.0.0.1:1/elsewhere")

    with pytest.raises(RetryableError, match="HTTP 302"):
        call()


def test_params_are_in_the_query_of_a_get_and_the_form_of_a_post(talker, gateway):
    talker.says({"ok": True})
    params = {"text": "a b%20+&="}

    for verb in ("GET", "POST"):
        gateway.call("api", lambda _: ("/path", params), lambda status, body: body, verb=verb)

    assert talker.asked == [("/path", params)] * 2


@pytest.mark.parametrize("body", [b"", {"error_code": "isp.busy"}])
def test_two_tries_are_as_far_apart_as_the_platform_asks(body, talker, quotas, gateway):
    waited: list[float] = []
    patient = Gateway(gateway.account, gateway._quota, sleep=waited.append)
    talker.says(body, 503, Retry_After="7")
    talker.says(body, 503, Retry_After="9" * 400)
    talker.says({"ok": True})

    patient.call("api", lambda _: ("/path", {}), unless_told_off)
    patient.close()

    assert waited == [7, 30]


def unless_told_off(status: int, body: dict) -> dict:
    """The answer of a platform that says with an HTTP error that it is busy."""
    if "error_code" in body:
        raise RetryableError("busy")
    return body


class Diary:
    """A pace that lets every call go at once, and what happened in turn."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def acquire(self) -> None:
        self.entries.append("slot")

    def block(self, seconds: float) -> None:
        self.entries.append(f"blocked for {seconds:.0f} s")

    def close(self) -> None:
        self.entries.append("closed")


def test_a_call_is_signed_once_its_time_has_come(talker, gateway):
    diary = Diary()
    talker.says({"ok": True})

    def sign_now(token: str) -> tuple[str, dict[str, str]]:
        diary.entries.append("signed")
        return "/path", {}

    opened = Gateway(gateway.account, diary)
    opened.call("api", sign_now, lambda status, body: body)
    opened.close()

    assert diary.entries == ["slot", "signed", "closed"]


def test_no_reply_stops_everybody_for_longer_than_a_day(talker, gateway):
    diary = Diary()
    talker.says(b"", 429, Retry_After="9" * 400)
    talker.says({"ok": True})

    opened = Gateway(gateway.account, diary, sleep=lambda seconds: None)
    opened.call("api", lambda _: ("/path", {}), lambda status, body: body)
    opened.close()

    assert diary.entries == ["slot", "blocked for 86400 s", "slot", "closed"]


def test_an_error_that_echoes_the_request_tells_no_secret_or_person(talker, gateway):
    account = gateway.account
    said = f"{account.app_secret} {account.access_token} renewed-session 收件人张三 13900000000"
    talker.says({"error_message": said})

    def refuse(status: int, body: dict) -> dict:
        raise RejectedError(body["error_message"])

    with pytest.raises(RejectedError) as raised:
        gateway.call("api", lambda _: ("/path", {"session": "renewed-session"}), refuse)

    assert raised.value.args[0] == "platform_1688: api: * * * 收件人* *"
