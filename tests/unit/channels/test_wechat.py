"""Subscribe messages of WeChat: tokens, people, field types, and one meaning for each code."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.wechat import APP_ID, SECRET, SENDS, TEMPLATE_ID, TOKEN, WeChatGateway
from shipment_tracking.channels.port import SHORT, AccessToken
from shipment_tracking.channels.refusals import Meaning, Refusal
from shipment_tracking.channels.registry import destinations
from shipment_tracking.channels.wechat import (
    BAD_TOKEN,
    LOGIN_REFUSALS,
    REFUSALS,
    WeChat,
    seconds_of_day_left,
)
from shipment_tracking.channels.wechat_values import value
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import (
    ConnectionFieldError,
    DeliveryError,
    RateLimitedError,
    ReceiverClosedError,
    UnreachableError,
)
from shipment_tracking.notices.messages import NOTICE, Messages

pytestmark = pytest.mark.server

EVENT = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
BUYER, OTHER = "oSandboxBuyer000000000000001", "oSandboxBuyer000000000000002"
BODY = {
    "orders": [{"erp_key": "SO1", "platform_order_id": "291"}],
    "waybill_no": "YT1",
    "carrier_name": None,
    "occurred_at": "2026-03-02T12:05:00+08:00",
    "detected_at": "2026-03-02T12:30:00+08:00",
    "latest_trace": "快件\U0001f4e6已到达【测试转运中心】，正在发往下一站，请耐心等待",
    "text": "已签收（本人）",
    "contacts": [{"erp_key": "SO1", "phone": "", "wechat_openid": BUYER}],
}
FIELDS = {
    "type": "wechat",
    "app_id": APP_ID,
    "app_secret": SECRET,
    "template_id": TEMPLATE_ID,
    "fields": {
        "thing1": "latest_trace",
        "character_string2": "erp_key",
        "phrase3": "short",
        "time4": "occurred_at",
    },
    "page": "pages/order/detail?no={erp_key}",
}
REPLIES = sorted((Path(__file__).parents[2] / "replies" / "channels").glob("notify_wechat_*"))
HIDDEN = (SECRET, BUYER, "sandbox-access-token")


@pytest.fixture
def channel(httpserver: HTTPServer) -> Callable[..., WeChat]:
    """A channel to the test's server."""

    def make(timeout: float = 10, **changes: Any) -> WeChat:
        url = httpserver.url_for("").rstrip("/")
        (destination,) = destinations("customers", [FIELDS | {"url": url} | changes])
        opened = destination.channel
        assert isinstance(opened, WeChat)
        return replace(opened, app=replace(opened.app, timeout=(1, timeout)))

    return make


@pytest.fixture
def gateway(httpserver: HTTPServer) -> WeChatGateway:
    """A gateway that takes only what WeChat would take."""
    strict = WeChatGateway({BUYER: 5, OTHER: 5})

    def handle(request: Request) -> Response:
        answer = strict.answer(request.method, request.path, request.args, request.get_data())
        return Response(json.dumps(answer), content_type="application/json")

    httpserver.expect_request(re.compile("/")).respond_with_handler(handle)
    return strict


@pytest.fixture
def answering(httpserver: HTTPServer, channel: Callable[..., WeChat]) -> Callable[..., Any]:
    """The error of a message, or of the call for a token, that is answered so."""

    def send(body: Any, status: int = 200, path: str = SENDS[0], **headers: str) -> DeliveryError:
        content = body if isinstance(body, str) else json.dumps(body)
        httpserver.expect_request(path).respond_with_data(content, status, headers)
        token = {"access_token": "sandbox-access-token-1", "expires_in": 7200}
        httpserver.expect_request(TOKEN).respond_with_json(token)
        with pytest.raises(DeliveryError) as caught:
            channel().send(EVENT, BODY)
        assert not {word for word in HIDDEN if word in str(caught.value)}
        return caught.value

    return send


def meaning_of(error: DeliveryError) -> Meaning:
    if isinstance(error, ReceiverClosedError):
        return Meaning.CLOSED
    if isinstance(error, UnreachableError):
        return Meaning.UNREACHABLE
    if isinstance(error, RateLimitedError):
        return Meaning.LIMITED
    return Meaning.PERMANENT if error.permanent else Meaning.TRANSIENT


def test_a_strict_gateway_takes_the_message(gateway, channel):
    channel().send(EVENT, BODY)

    ((openid, page, values),) = gateway.messages
    assert (openid, page) == (BUYER, "pages/order/detail?no=SO1")
    assert values == {
        "thing1": "快件已到达【测试转运中心】，正在发往下…",
        "character_string2": "SO1",
        "phrase3": "已签收",
        "time4": "2026年3月2日 12:05",
    }


def test_an_official_account_has_a_path_and_a_page_of_its_own(httpserver, gateway, channel):
    page = "https://shop.example/orders/{erp_key}"

    channel(account="official_account", page=page).send(EVENT, BODY)

    assert [request.path for request, _ in httpserver.log] == [TOKEN, SENDS[1]]
    assert gateway.messages[0][1] == "https://shop.example/orders/SO1"


@pytest.mark.parametrize("status", Status)
def test_the_short_text_of_every_status_is_taken(status, gateway, channel):
    opened = channel(fields=FIELDS["fields"] | {"thing1": "short"})

    opened.send(EVENT, BODY | {"text": Messages("zh", SHORT).text(status, NOTICE)})

    assert len(gateway.messages) == 1


@pytest.mark.parametrize("nothing", [None, "", " \n", "\U0001f4e6"])
def test_what_is_unknown_is_a_dash(nothing, gateway, channel):
    opened = channel(fields=FIELDS["fields"] | {"character_string2": "waybill_no"})

    opened.send(EVENT, BODY | {"waybill_no": nothing, "latest_trace": nothing})

    values = gateway.messages[0][2]
    assert (values["thing1"], values["character_string2"]) == ("-", "-")


@pytest.mark.parametrize(
    ("field", "fact", "given", "expected"),
    [
        ("thing1", "latest_trace", "签" * 20, "签" * 20),
        ("thing1", "latest_trace", "签" * 21, "签" * 19 + "…"),
        ("thing1", "latest_trace", "a\n\tb\x00c", "a bc"),
        ("thing12", "latest_trace", "☎ 95338", "95338"),
        ("character_string1", "erp_key", "订单SO 1", "SO1"),
        ("character_string1", "erp_key", "x" * 40, "x" * 32),
        ("phrase1", "short", "已到取件点，请及时取件", "已到取件点"),
        ("time1", "occurred_at", None, "2026年3月2日 12:30"),
        ("date1", "detected_at", "2026-03-02T04:30:00+00:00", "2026年3月2日 04:30"),
    ],
)
def test_a_fact_takes_the_form_of_its_field(field, fact, given, expected):
    facts = {"detected_at": "2026-03-02T12:30:00+08:00", fact: given}

    assert value(field, fact, facts) == expected


def test_two_buyers_of_a_parcel_each_read_of_their_own_order(gateway, channel):
    orders = [{"erp_key": "SO1"}, {"erp_key": "SO2"}]
    contacts = [*BODY["contacts"], {"erp_key": "SO2", "wechat_openid": OTHER}]

    channel().send(EVENT, BODY | {"orders": orders, "contacts": contacts})

    told = {openid: values["character_string2"] for openid, _, values in gateway.messages}
    assert told == {BUYER: "SO1", OTHER: "SO2"}


def test_a_buyer_who_refuses_keeps_the_other_from_nothing(gateway, channel, caplog):
    caplog.set_level("INFO")
    gateway.consents[BUYER] = 0
    contacts = [*BODY["contacts"], {"erp_key": "SO2", "wechat_openid": OTHER}]

    channel().send(EVENT, BODY | {"contacts": contacts})

    assert [openid for openid, _, _ in gateway.messages] == [OTHER]
    assert "one of 2 contacts of a message gets none: the receiver answers 43101" in caplog.text
    assert BUYER not in caplog.text


@pytest.mark.parametrize("contacts", [[], [{"erp_key": "SO1", "phone": "19900000001"}]])
def test_who_has_no_openid_is_not_reached(contacts, channel):
    with pytest.raises(UnreachableError, match="no contact has a wechat_openid") as caught:
        channel().send(EVENT, BODY | {"contacts": contacts})

    assert caught.value.reason == "no contact"


def test_each_consent_is_good_for_one_message(gateway, channel):
    gateway.consents[BUYER] = 1
    opened = channel()
    opened.send(EVENT, BODY)

    with pytest.raises(UnreachableError, match=r"43101 \(user refuse") as caught:
        opened.send(EVENT, BODY)

    assert caught.value.reason == "opted out"


@pytest.mark.parametrize(
    ("changes", "code", "remedy"),
    [
        ({"app_id": "wxanother"}, 40013, "correct app_id and app_secret"),
        ({"app_secret": "another-secret"}, 40125, "correct app_id and app_secret"),
        ({"template_id": "another"}, 40037, "copy template_id"),
        ({"page": "pages/gone"}, 41030, "correct page"),
    ],
)
def test_what_a_person_must_correct_closes_the_channel(changes, code, remedy, gateway, channel):
    with pytest.raises(ReceiverClosedError, match=rf"answers {code} \(.*: {remedy}") as caught:
        channel(**changes).send(EVENT, BODY)

    assert "another-" not in str(caught.value)
    assert gateway.messages == []


def test_an_openid_of_another_app_is_dead_at_once(gateway, channel):
    contacts = [{"erp_key": "SO1", "wechat_openid": "oAnotherApp"}]

    with pytest.raises(DeliveryError, match=r"40003 .*find_contact\.sql") as caught:
        channel().send(EVENT, BODY | {"contacts": contacts})

    assert meaning_of(caught.value) == Meaning.PERMANENT


def test_a_day_whose_messages_are_used_up_is_waited_for(gateway, channel):
    gateway.most_a_day = 1
    noon = datetime(2026, 3, 2, 4, tzinfo=UTC)
    opened = channel()
    opened = replace(opened, app=replace(opened.app, clock=lambda: noon))
    opened.send(EVENT, BODY)

    with pytest.raises(RateLimitedError, match="45009") as caught:
        opened.send(EVENT, BODY)

    assert caught.value.retry_after == timedelta(hours=12).total_seconds()


def test_the_day_ends_in_shanghai():
    assert seconds_of_day_left(datetime(2026, 3, 2, 15, 59, 30, tzinfo=UTC)) == 30
    assert seconds_of_day_left(datetime(2026, 3, 2, 16, tzinfo=UTC)) == 24 * 3600


def test_a_token_is_fetched_once_for_many_messages(gateway, channel):
    opened = channel()
    for _ in range(3):
        opened.send(EVENT, BODY)

    assert gateway.fetches == 1


def test_a_token_that_was_revoked_is_fetched_again_and_the_message_repeated(gateway, channel):
    opened = channel()
    opened.send(EVENT, BODY)
    gateway.revoke_tokens()

    opened.send(EVENT, BODY)

    assert (gateway.fetches, len(gateway.messages)) == (2, 2)


def test_a_token_that_ends_is_fetched_anew_before(gateway, httpserver, channel):
    now = datetime(2026, 3, 2, 4, tzinfo=UTC)
    gateway.clock = lambda: now.timestamp()
    opened = channel()
    opened = replace(opened, app=replace(opened.app, clock=lambda: now))
    opened.tokens._clock = lambda: now  # type: ignore[attr-defined]
    opened.send(EVENT, BODY)

    now += timedelta(minutes=118)
    opened.send(EVENT, BODY)

    assert gateway.fetches == 2
    assert [request.path for request, _ in httpserver.log].count(SENDS[0]) == 2


@pytest.mark.parametrize("code", BAD_TOKEN)
def test_a_message_is_repeated_once_and_no_more(code, httpserver, answering):
    error = answering({"errcode": code, "errmsg": "invalid credential"})

    paths = [request.path for request, _ in httpserver.log]
    assert paths == [TOKEN, SENDS[0], TOKEN, SENDS[0]]
    assert meaning_of(error) == Meaning.TRANSIENT


@pytest.mark.parametrize(
    ("path", "code", "refusal"),
    [(SENDS[0], *row) for row in REFUSALS.items()]
    + [(TOKEN, *row) for row in LOGIN_REFUSALS.items()],
)
def test_each_row_of_an_error_table_is_what_it_says(path, code, refusal: Refusal, answering):
    words = f"no {BUYER}" if path != TOKEN else f"no {SECRET}"

    error = answering({"errcode": code, "errmsg": words}, path=path)

    assert meaning_of(error) == refusal.meaning
    assert bool(error.retry_after) is (refusal.meaning == Meaning.LIMITED)
    assert str(error).startswith(f"the receiver answers {code} (no *)")
    assert refusal.remedy in str(error)


@pytest.mark.parametrize("code", LOGIN_REFUSALS)
def test_a_token_that_is_not_given_is_asked_for_once(code, httpserver, answering):
    answering({"errcode": code, "errmsg": "no"}, path=TOKEN)

    assert [request.path for request, _ in httpserver.log] == [TOKEN]


@pytest.mark.parametrize("file", REPLIES, ids=lambda file: file.stem)
def test_replies_of_the_field_mean_what_is_known_of_them(file, answering):
    reply = json.loads(file.read_text("utf-8"))

    meaning = meaning_of(answering(reply["body"], reply["_http_status"]))

    assert (
        meaning
        == {
            "permanent_request": Meaning.PERMANENT,
            "permanent_recipient": Meaning.UNREACHABLE,
        }[reply["_expect"]["treat_as"]]
    )


@pytest.mark.parametrize("path", [SENDS[0], TOKEN])
@pytest.mark.parametrize("body", ["", "[]", "<html>", {}, {"errcode": "0"}, {"errcode": 7}])
def test_a_200_that_does_not_say_success_is_tried_again(body, path, answering):
    assert meaning_of(answering(body, path=path)) == Meaning.TRANSIENT


@pytest.mark.parametrize("path", [SENDS[0], TOKEN])
@pytest.mark.parametrize(
    ("status", "meaning"),
    [(403, Meaning.CLOSED), (429, Meaning.LIMITED), (502, Meaning.TRANSIENT)],
)
def test_another_status_than_200_is_read_too(status, meaning, path, answering):
    assert meaning_of(answering("<html>", status, path)) == meaning


@pytest.mark.parametrize("path", [SENDS[0], TOKEN])
def test_half_an_answer_is_none(path, answering):
    error = answering('{"errcode": 0', path=path, **{"Content-Length": "100"})

    assert meaning_of(error) == Meaning.TRANSIENT


def test_a_slow_gateway_is_waited_for_no_longer_than_told(httpserver, channel):
    over = threading.Event()
    httpserver.expect_request(TOKEN).respond_with_handler(lambda _: Response(str(over.wait(30))))

    with pytest.raises(DeliveryError, match=r"^no answer in time$"):
        channel(timeout=0.05).send(EVENT, BODY)
    over.set()


def test_a_gateway_that_is_down_is_tried_again(channel):
    with pytest.raises(DeliveryError, match=r"^no connection \(ConnectionError\)$"):
        channel(url="http://127.0.0.1:1").send(EVENT, BODY)


def test_neither_a_secret_nor_a_token_is_shown(gateway, channel):
    opened = channel()
    opened.send(EVENT, BODY)

    shown = repr(opened) + repr(AccessToken("sandbox-access-token-1", datetime.now(UTC)))
    assert not {word for word in HIDDEN if word in shown + opened.identity + opened.app.key}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"app_secret": ""}, "app_secret is missing; it must be a text"),
        ({"fields": {"amount1": "erp_key"}}, "fields: amount1 cannot hold our facts; use fields"),
        ({"fields": {"thing": "short"}}, "fields: thing cannot hold our facts"),
        ({"fields": {"thing1": "phone"}}, "fields: thing1 must be one of short, erp_key"),
        ({"fields": {"time1": "short"}}, "fields: time1 must be one of occurred_at, detected_at"),
        ({"fields": {}}, "fields is not an object such as"),
        ({"language": "en"}, "fields: phrase3 takes Chinese only"),
        ({"account": "shop"}, "account is 'shop'; it must be one of mini_program, official_acco"),
        ({"page": "https://shop.example"}, "page of a mini program must be a page of it"),
        ({"page": "pages/x?p={phone}"}, "page may name erp_key, platform_order_id, waybill_no"),
        ({"account": "official_account"}, "page of an official account must be an https address"),
    ],
)
def test_a_broken_field_is_named(changes, said):
    with pytest.raises(ConnectionFieldError) as caught:
        destinations("customers", [FIELDS | changes])

    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
