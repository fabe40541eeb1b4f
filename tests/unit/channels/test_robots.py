"""Chat robots: what the body says counts, each code has its meaning, and no secret is told."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.robots import PATHS, SECRET, TOKEN, Robot
from shipment_tracking.channels import dingtalk, feishu, wecom
from shipment_tracking.channels.port import LANGUAGES, MARKDOWN
from shipment_tracking.channels.refusals import Meaning, Refusal, fit
from shipment_tracking.channels.registry import destinations
from shipment_tracking.channels.transport import LONGEST_ANSWER
from shipment_tracking.errors import DeliveryError, RateLimitedError, ReceiverClosedError
from shipment_tracking.notices.messages import ALARM, Messages

pytestmark = pytest.mark.server

EVENT = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
TEXT = "订单 SO1 的包裹已签收"
REPLIES = Path(__file__).parents[2] / "replies" / "channels"
MODULES: dict[str, Any] = {"dingtalk": dingtalk, "wecom": wecom, "feishu": feishu}
SUCCESS = {kind: {"code" if kind == "feishu" else "errcode": 0} for kind in MODULES}
ROWS = [
    pytest.param(kind, code, refusal, id=f"{kind} {code}")
    for kind, module in MODULES.items()
    for code, refusal in module.REFUSALS.items()
]
TREATED = {
    "retry_backoff": (Meaning.TRANSIENT, Meaning.LIMITED),
    "retry_after": (Meaning.LIMITED,),
    "permanent_request": (Meaning.PERMANENT,),
    "permanent_config": (Meaning.CLOSED,),
}


def meaning_of(error: DeliveryError) -> Meaning:
    if isinstance(error, ReceiverClosedError):
        return Meaning.CLOSED
    if isinstance(error, RateLimitedError):
        return Meaning.LIMITED
    return Meaning.PERMANENT if error.permanent else Meaning.TRANSIENT


@pytest.fixture
def channel(httpserver: HTTPServer) -> Callable[..., Any]:
    """A channel that speaks to the test's server."""

    def make(kind: str, path: str = "", timeout: float = 10, **fields: Any) -> Any:
        secret = {} if kind == "wecom" else {"secret": SECRET}
        given = {"type": kind, "url": httpserver.url_for(path or PATHS[kind])} | secret | fields
        (destination,) = destinations("ops", [given])
        opened = destination.channel
        return type(opened)(**_fields(opened) | {"timeout": (1, timeout)})

    return make


def _fields(channel: Any) -> dict[str, Any]:
    return {name: getattr(channel, name) for name in type(channel).__dataclass_fields__}


@pytest.fixture
def strict(httpserver: HTTPServer) -> Callable[[str], Robot]:
    """A robot that takes only what its platform would take."""

    def serve(kind: str, **options: Any) -> Robot:
        robot = Robot(kind, **options)

        def handle(request: Request) -> Response:
            answer = robot.answer(request.path, request.args, request.get_data())
            return Response(json.dumps(answer), content_type="application/json")

        httpserver.expect_request(re.compile("/"), method="POST").respond_with_handler(handle)
        return robot

    return serve


@pytest.fixture
def answering(httpserver: HTTPServer, channel: Callable[..., Any]) -> Callable[..., DeliveryError]:
    """The error of a message that a robot answers so."""

    def send(kind: str, body: Any = None, *, status: int = 200, **headers: str) -> DeliveryError:
        content = body if isinstance(body, str) else json.dumps(body)
        path = PATHS[kind].partition("?")[0]
        httpserver.expect_request(path).respond_with_data(content, status, headers)
        with pytest.raises(DeliveryError) as caught:
            channel(kind).send(EVENT, {"text": TEXT})
        assert TOKEN not in str(caught.value)
        assert SECRET not in str(caught.value)
        return caught.value

    return send


@pytest.fixture
def silent(httpserver: HTTPServer) -> Iterator[None]:
    """No robot answers until the test is over."""
    over = threading.Event()
    for path in PATHS.values():
        httpserver.expect_request(path.partition("?")[0]).respond_with_handler(
            lambda request: Response(str(over.wait(30)))
        )
    yield
    over.set()


@pytest.mark.parametrize("kind", MODULES)
def test_a_strict_robot_takes_the_text_as_it_is(kind, strict, channel):
    robot = strict(kind)

    channel(kind).send(EVENT, {"text": TEXT, "event_id": str(EVENT)})

    assert robot.texts == [TEXT]


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_a_robot_without_a_secret_gets_no_signature(kind, httpserver, channel):
    path = PATHS[kind].partition("?")[0]
    httpserver.expect_request(path).respond_with_json(SUCCESS[kind])

    channel(kind, secret=None).send(EVENT, {"text": TEXT})

    (request, _) = httpserver.log[0]
    assert "sign" not in {**request.args, **request.get_json()}


@pytest.mark.parametrize(
    ("status", "meaning"), [(0, None), (19021, Meaning.CLOSED), (11232, Meaning.LIMITED)]
)
def test_an_older_feishu_bot_answers_by_another_name(status, meaning, httpserver, channel):
    answer = {"Extra": None, "StatusCode": status, "StatusMessage": "said"}
    httpserver.expect_request(PATHS["feishu"]).respond_with_json(answer)

    if meaning is None:
        channel("feishu").send(EVENT, {"text": TEXT})
    else:
        with pytest.raises(DeliveryError, match="said") as caught:
            channel("feishu").send(EVENT, {"text": TEXT})
        assert meaning_of(caught.value) == meaning


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_a_wrong_secret_closes_the_channel(kind, strict, channel):
    robot = strict(kind)

    with pytest.raises(ReceiverClosedError, match=r"sign .*secret"):
        channel(kind, secret="SECanother").send(EVENT, {"text": TEXT})

    assert robot.texts == []


@pytest.mark.parametrize("kind", MODULES)
def test_a_wrong_token_closes_the_channel(kind, strict, channel):
    strict(kind)
    path = PATHS[kind].replace(TOKEN, "another-token")

    with pytest.raises(DeliveryError) as caught:
        channel(kind, path).send(EVENT, {"text": TEXT})

    assert isinstance(caught.value, ReceiverClosedError)
    assert "another-token" not in str(caught.value)


@pytest.mark.parametrize("kind", MODULES)
def test_a_strict_robot_says_when_its_rate_is_used_up(kind, strict, channel):
    strict(kind)
    opened = channel(kind)
    for _ in range(opened.limits.per_minute):
        opened.send(EVENT, {"text": TEXT})

    with pytest.raises(RateLimitedError) as caught:
        opened.send(EVENT, {"text": TEXT})

    assert caught.value.retry_after >= 60


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("character", ["a", "签", "\n", "\U0001f4e6"])
def test_a_text_that_is_too_long_is_cut_so_that_a_strict_robot_takes_it(
    kind, character, strict, channel
):
    robot = strict(kind)

    channel(kind).send(EVENT, {"text": character * 20_000})

    (text,) = robot.texts
    assert text.startswith(character)
    assert text.endswith("…")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", MODULES)
def test_as_many_alarms_as_a_message_holds_are_not_cut(kind, language):
    parcel = ALARM["items"][0] | {
        "orders": [{"erp_key": "SO20260302000001"}],
        "stage": "delivery_failed",
        "waybill_no": "YT8800000000001",
        "hours": 1000.0,
        "latest_trace": "快" * 200,
    }
    limits = MODULES[kind].LIMITS

    text = Messages(language, MARKDOWN).text("stalled", {"items": [parcel] * limits.most_items})

    assert fit(text, limits.longest_text) == text


@pytest.mark.parametrize(("kind", "code", "refusal"), ROWS)
def test_each_row_of_an_error_table_is_what_it_says(kind, code, refusal: Refusal, answering):
    names = ("code", "msg") if kind == "feishu" else ("errcode", "errmsg")

    words = f"no {TOKEN} {SECRET}" if kind != "wecom" else f"no {TOKEN} *"

    error = answering(kind, dict(zip(names, (code, words), strict=True)))

    assert meaning_of(error) == refusal.meaning
    assert error.retry_after == refusal.wait
    assert str(error).startswith(f"the receiver answers {code} (no * *)")
    assert refusal.remedy in str(error)
    assert str(error).endswith("; not tried again") is error.permanent


@pytest.mark.parametrize(
    "file",
    [file for kind in MODULES for file in sorted(REPLIES.glob(f"notify_{kind}_*.json"))],
    ids=lambda file: file.stem,
)
def test_replies_of_the_field_mean_what_is_known_of_them(file, httpserver, channel):
    kind = file.stem.split("_")[1]
    reply = json.loads(file.read_text("utf-8"))
    path = PATHS[kind].partition("?")[0]
    httpserver.expect_request(path).respond_with_json(reply["body"], reply["_http_status"])
    treat_as = reply["_expect"]["treat_as"]

    if treat_as == "ok":
        channel(kind).send(EVENT, {"text": TEXT})
        return
    with pytest.raises(DeliveryError) as caught:
        channel(kind).send(EVENT, {"text": TEXT})
    assert meaning_of(caught.value) in TREATED[treat_as]


def test_feishus_code_of_a_bad_request_may_mean_too_often(answering):
    error = answering("feishu", {"code": 9499, "msg": "frequency limited psm[x]"})

    assert meaning_of(error) == Meaning.LIMITED


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize(
    "body", ["ok", "", "[]", "null", "<html>", {}, {"errcode": "0", "code": "0"}, {"errcode": 7}]
)
def test_a_200_that_does_not_say_success_is_tried_again(kind, body, answering):
    assert meaning_of(answering(kind, body)) == Meaning.TRANSIENT


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (302, Meaning.TRANSIENT),
        (403, Meaning.CLOSED),
        (404, Meaning.CLOSED),
        (429, Meaning.LIMITED),
        (500, Meaning.TRANSIENT),
        (502, Meaning.TRANSIENT),
    ],
)
def test_another_status_than_200_is_read_too(kind, status, meaning, answering):
    error = answering(kind, SUCCESS[kind], status=status)

    assert meaning_of(error) == meaning
    assert bool(error.retry_after) is (meaning == Meaning.LIMITED)


@pytest.mark.parametrize("kind", MODULES)
def test_half_an_answer_is_none(kind, answering):
    error = answering(kind, '{"errcode": 0, "co', **{"Content-Length": "100"})

    assert meaning_of(error) == Meaning.TRANSIENT


def test_a_robot_that_answers_drop_by_drop_is_waited_for_no_longer_than_told(httpserver, channel):
    over = threading.Event()

    def drip() -> Iterator[bytes]:
        while not over.wait(0.02):
            yield b" "

    path = PATHS["wecom"].partition("?")[0]
    httpserver.expect_request(path).respond_with_handler(lambda request: Response(drip()))

    with pytest.raises(DeliveryError, match=r"^no whole answer in time$"):
        channel("wecom", timeout=0.3).send(EVENT, {"text": TEXT})
    over.set()


def test_of_an_answer_without_end_only_the_beginning_is_read(answering):
    error = answering("wecom", {"padding": "x" * LONGEST_ANSWER, "errcode": 0})

    assert str(error) == "the answer is not a JSON object"


@pytest.mark.parametrize("kind", MODULES)
def test_a_robot_that_is_slow_is_waited_for_no_longer_than_told(kind, silent, channel):
    with pytest.raises(DeliveryError, match=r"^no answer in time$"):
        channel(kind, timeout=0.05).send(EVENT, {"text": TEXT})


@pytest.mark.parametrize("kind", MODULES)
def test_a_robot_that_is_down_is_told_without_its_address(kind):
    (destination,) = destinations(
        "ops", [{"type": kind, "url": f"http://127.0.0.1:1{PATHS[kind]}"}]
    )

    with pytest.raises(DeliveryError, match=r"^no connection \(ConnectionError\)$"):
        destination.channel.send(EVENT, {"text": TEXT})


@pytest.mark.parametrize("kind", MODULES)
def test_neither_address_nor_secret_of_a_robot_is_shown(kind, channel):
    shown = repr(channel(kind)) + channel(kind).identity

    assert TOKEN not in shown
    assert SECRET not in shown


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_signatures_are_those_of_the_platform(kind):
    vectors = json.loads((REPLIES / "signature_vectors.json").read_text("utf-8"))["body"]
    (vector,) = [each for each in vectors if each["name"] == kind]

    assert MODULES[kind].signature(vector["timestamp"], vector["secret"]) == vector["signature"]


@pytest.mark.parametrize(
    ("text", "longest", "fitting"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "…"),
        ("签收了", 8, "签…"),
        ("签收了", None, "签收了"),
        ("**a**\n**bc**", 12, "**a**\n…"),
        ("**a**\n**bc**\n", 14, "**a**\n…"),
        ("**a**\n", 6, "**a…"),
        ("[签](https://a.example)\n[收](https://b.example)", 40, "[签](https://a.example)\n…"),
    ],
)
def test_a_text_is_cut_behind_a_line_or_else_between_characters(text, longest, fitting):
    assert fit(text, longest) == fitting
