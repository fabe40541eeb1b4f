"""Text messages by Aliyun: signed as documented, one code a meaning, no phone or key ever told."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.aliyun_sms import KEY, MOST_A_DAY, SECRET, SIGN_NAME, TEMPLATE_CODE, SmsGateway
from shipment_tracking.channels.aliyun_sms import REFUSALS, AliyunSms, signature
from shipment_tracking.channels.refusals import Meaning
from shipment_tracking.channels.registry import destinations
from shipment_tracking.errors import (
    ConnectionFieldError,
    DeliveryError,
    RateLimitedError,
    ReceiverClosedError,
    UnreachableError,
)

pytestmark = pytest.mark.server

EVENT = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
PHONE = "19900000001"
BODY = {
    "orders": [{"erp_key": "SO1", "platform_order_id": "291"}],
    "waybill_no": "YT1",
    "carrier_name": None,
    "latest_trace": "快件已签收" * 20,
    "contacts": [{"erp_key": "SO1", "phone": PHONE}],
}
FIELDS = {
    "type": "aliyun_sms",
    "access_key_id": KEY,
    "access_key_secret": SECRET,
    "sign_name": SIGN_NAME,
    "template_code": TEMPLATE_CODE,
    "params": {"order": "erp_key", "waybill": "waybill_no"},
}
REPLIES = Path(__file__).parents[2] / "replies" / "channels"


@pytest.fixture
def channel(httpserver: HTTPServer) -> Callable[..., AliyunSms]:
    """A channel to the test's server."""

    def make(**changes: Any) -> AliyunSms:
        url = httpserver.url_for("").rstrip("/")
        (destination,) = destinations("customers", [FIELDS | {"url": url} | changes])
        assert isinstance(destination.channel, AliyunSms)
        return destination.channel

    return make


@pytest.fixture
def gateway(httpserver: HTTPServer) -> SmsGateway:
    """A gateway that takes only what Aliyun would take."""
    strict = SmsGateway()

    def handle(request: Request) -> Response:
        status, answer = strict.answer(request.method, request.form)
        return Response(json.dumps(answer), status, content_type="application/json")

    httpserver.expect_request("/").respond_with_handler(handle)
    return strict


@pytest.fixture
def answering(httpserver: HTTPServer, channel: Callable[..., AliyunSms]) -> Callable[..., Any]:
    """The error of a message that is answered so."""

    def send(body: Any, status: int = 200, **headers: str) -> DeliveryError:
        content = body if isinstance(body, str) else json.dumps(body)
        httpserver.expect_request("/").respond_with_data(content, status, headers)
        with pytest.raises(DeliveryError) as caught:
            channel().send(EVENT, BODY)
        assert not {word for word in (KEY, SECRET, PHONE) if word in str(caught.value)}
        return caught.value

    return send


def test_a_strict_gateway_takes_the_message(gateway, channel):
    channel().send(EVENT, BODY)

    assert gateway.messages == [(PHONE, TEMPLATE_CODE, {"order": "SO1", "waybill": "YT1"})]


def test_all_contacts_get_it_and_what_is_unknown_or_long_fits(gateway, channel):
    contacts = [{"phone": PHONE}, {"phone": "19900000002"}]
    params = {"order": "latest_trace", "waybill": "carrier_name"}

    channel(params=params).send(EVENT, BODY | {"contacts": contacts})

    assert [message[0] for message in gateway.messages] == [PHONE, "19900000002"]
    assert gateway.messages[0][2] == {"order": ("快件已签收" * 20)[:35], "waybill": "-"}


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (["+86 199-0000-0001"], ["+8619900000001"]),
        (["１９９ ００００ ０００１", "(199)00000001\u200b"], ["19900000001"]),
        (["19900000001", "19900000001"], ["19900000001"]),
    ],
    ids=["signs", "full width", "twice"],
)
def test_a_mobile_number_is_sent_without_signs_and_once(written, sent, gateway, channel):
    contacts = [{"phone": phone} for phone in written]

    channel().send(EVENT, BODY | {"contacts": contacts})

    assert [phone for phone, *_ in gateway.messages] == sent


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"access_key_id": "another-key"}, "InvalidAccessKeyId.NotFound"),
        ({"access_key_secret": "another-secret"}, "SignatureDoesNotMatch"),
        ({"sign_name": "another"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"template_code": "SMS_2"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"params": {}}, "isv.TEMPLATE_MISSING_PARAMETERS"),
    ],
)
def test_what_a_person_must_correct_closes_the_channel(changes, code, gateway, channel):
    with pytest.raises(ReceiverClosedError, match=f"the receiver answers {code} ") as caught:
        channel(**changes).send(EVENT, BODY)

    assert "another-" not in str(caught.value)
    assert gateway.messages == []


@pytest.mark.parametrize("marks", ["~", "!*'()", "a b+c&d=e%f", "签【收】/?#"])
def test_marks_in_a_value_do_not_break_the_signature(marks, gateway, channel):
    channel().send(EVENT, BODY | {"waybill_no": marks})

    assert gateway.messages[0][2]["waybill"] == marks


def test_a_string_to_sign_that_aliyun_repeats_shows_no_phone_and_no_key(answering):
    shown = f"server string to sign is:POST&%2F&AccessKeyId%3D{KEY}%26PhoneNumbers%3D{PHONE}%26"

    error = answering({"Code": "SignatureDoesNotMatch", "Message": shown}, 400)

    assert "AccessKeyId%3D*%26PhoneNumbers%3D*%26" in str(error)


def test_a_number_that_had_its_share_is_tried_again_later(gateway, channel):
    opened = channel()
    for _ in range(MOST_A_DAY):
        opened.send(EVENT, BODY)

    with pytest.raises(DeliveryError, match=r"isv\.BUSINESS_LIMIT_CONTROL") as caught:
        opened.send(EVENT, BODY)

    assert not caught.value.permanent
    opened.send(EVENT, BODY | {"contacts": [{"phone": "19900000002"}]})


@pytest.mark.parametrize("contacts", [[], [{"phone": "", "wechat_openid": "o1"}]])
def test_who_has_no_phone_is_not_reached(contacts, channel):
    with pytest.raises(UnreachableError, match="no contact has a phone") as caught:
        channel().send(EVENT, BODY | {"contacts": contacts})

    assert caught.value.reason == "no contact"


@pytest.mark.parametrize(
    ("trace", "value"),
    [
        ("快件已到\U0001f4e6，详见https://t.example/*，请查收", "快件已到 ，详见 ，请查收"),
        ("www.express.example", "-"),
        ("快件已签收，请登录sf-express.com/cn评价", "快件已签收，请登录 评价"),
        ("查询 T.CN/A1，或10.0.0.12:8080", "查询 ，或 :8080"),
        ("V1.2.3，3.5 kg，YT.1", "V1.2.3，3.5 kg，YT.1"),
        (" \n", "-"),
        ("第一行\n第二行", "第一行 第二行"),
    ],
)
def test_what_aliyun_refuses_in_a_value_is_left_out(trace, value, gateway, channel):
    params = {"order": "erp_key", "waybill": "latest_trace"}

    channel(params=params).send(EVENT, BODY | {"latest_trace": trace})

    assert gateway.messages[0][2]["waybill"] == value


def test_a_template_without_variables_gets_none(httpserver, channel):
    httpserver.expect_request("/").respond_with_json({"Code": "OK"})

    channel(params={}).send(EVENT, BODY)

    assert "TemplateParam" not in httpserver.log[0][0].form


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", [*REFUSALS, "isp.SYSTEM_ERROR", "SomethingNew", None, 7])
def test_each_code_means_what_the_table_says(code, status, answering):
    words = f"{PHONE} of {KEY} and {SECRET}"
    error = answering({"Code": code, "Message": words, "RequestId": "1"}, status)

    meaning = REFUSALS[code].meaning if code in REFUSALS else Meaning.TRANSIENT
    assert isinstance(error, ReceiverClosedError) is (meaning == Meaning.CLOSED)
    assert isinstance(error, RateLimitedError) is (meaning == Meaning.LIMITED)
    assert error.permanent is (meaning in (Meaning.CLOSED, Meaning.PERMANENT))
    assert str(error).startswith(f"the receiver answers {code} (* of * and *)")


@pytest.mark.parametrize("body", ["", "[]", "<html>", {}, {"code": "OK"}])
def test_a_200_without_the_code_ok_is_tried_again(body, answering):
    assert str(answering(body)) == "the answer is not a JSON object with a code"


@pytest.mark.parametrize(("status", "is_closed"), [(403, True), (404, True), (500, False)])
def test_a_status_counts_where_there_is_no_code(status, is_closed, answering):
    assert isinstance(answering("<html>", status), ReceiverClosedError) is is_closed


def test_half_an_answer_is_none(answering):
    error = answering('{"Code": "OK"', **{"Content-Length": "100"})

    assert not error.permanent


def test_the_reply_of_the_field_is_success(httpserver, channel):
    reply = json.loads((REPLIES / "notify_aliyunsms_ok.json").read_text("utf-8"))
    httpserver.expect_request("/").respond_with_json(reply["body"])

    channel().send(EVENT, BODY)


def test_a_slow_gateway_is_waited_for_no_longer_than_told(httpserver, channel):
    over = threading.Event()
    httpserver.expect_request("/").respond_with_handler(lambda _: Response(str(over.wait(30))))

    with pytest.raises(DeliveryError, match=r"^no answer in time$"):
        replace(channel(), timeout=(1, 0.05)).send(EVENT, BODY)
    over.set()


def test_a_gateway_that_is_down_is_tried_again(channel):
    with pytest.raises(DeliveryError, match=r"^no connection \(ConnectionError\)$"):
        channel(url="http://127.0.0.1:1").send(EVENT, BODY)


def test_a_signature_is_that_of_the_documentation():
    parameters = {
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "Format": "XML",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "SignatureVersion": "1.0",
        "Timestamp": "2016-02-23T12:46:24Z",
        "Version": "2014-05-26",
    }

    assert signature("GET", parameters, "testsecret") == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"access_key_secret": ""}, "access_key_secret is missing; it must be a text"),
        ({"params": {"order": "phone"}}, "params is not an object such as"),
        ({"params": ["order"]}, "params is not an object such as"),
        ({"url": "http://sms.example"}, "url must be https"),
    ],
)
def test_a_broken_field_is_named(changes, said):
    with pytest.raises(ConnectionFieldError) as caught:
        destinations("customers", [FIELDS | changes])

    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_text_messages_are_for_customers_only():
    with pytest.raises(ConnectionFieldError, match="aliyun_sms reaches buyers only"):
        destinations("ops", [FIELDS])
