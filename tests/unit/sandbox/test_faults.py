"""Every fault strikes as told: by script or by chance, and only where it makes sense."""

import json
import time
from datetime import timedelta

import pytest
import requests

from sandbox.faults import FORMS, KINDS, Faults, Latency
from sandbox.platform_1688 import DETAIL, INFOS, TRACES, Answer
from sandbox.server import Sandbox


@pytest.fixture
def order_id(story, clock):
    """An order with events at the clock's time."""
    order = story("failed_twice_then_signed")
    clock.set(order.shipped_at + timedelta(days=20))
    return order.order_id


def steps(reply: requests.Response) -> list[tuple[str, str]]:
    return [
        (step["acceptTime"], step["remark"])
        for trace in reply.json()["logisticsTrace"]
        for step in trace["logisticsSteps"]
    ]


def test_too_many_requests_come_with_a_time_to_wait(sandbox, call, order_id):
    sandbox.faults.add("http_429", times=1, seconds=7)
    reply = call(TRACES, order_id)

    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "7")
    assert call(TRACES, order_id).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("qos_200", 200, "gw.QosAppFrequencyLimit"),
        ("qos_400", 400, "gw.QosAppFrequencyLimit"),
        ("token_expired", 401, "401"),
    ],
)
def test_errors_of_the_gateway_come_in_its_envelope(sandbox, call, order_id, kind, status, code):
    sandbox.faults.add(kind, times=1)
    reply = call(TRACES, order_id)

    assert (reply.status_code, reply.json()["error_code"]) == (status, code)
    assert call(TRACES, order_id).status_code == 200


@pytest.mark.parametrize(("kind", "status"), [("http_500", 500), ("http_502", 502), ("html", 200)])
def test_some_answers_are_no_json(sandbox, call, order_id, kind, status):
    sandbox.faults.add(kind, times=1)
    reply = call(TRACES, order_id)

    assert reply.status_code == status
    with pytest.raises(requests.JSONDecodeError):
        reply.json()


def test_half_a_json_is_honest_http(sandbox, call, order_id):
    whole = call(TRACES, order_id).content
    sandbox.faults.add("half_json", times=1)
    half = call(TRACES, order_id)

    assert half.status_code == 200
    assert int(half.headers["Content-Length"]) == len(half.content) == len(whole) // 2
    assert whole.startswith(half.content)
    with pytest.raises(ValueError, match=r"."):
        json.loads(half.content)


def test_a_reset_ends_the_connection_without_an_answer(sandbox, call, order_id):
    sandbox.faults.add("reset", times=1)

    with pytest.raises(requests.ConnectionError):
        call(TRACES, order_id)
    assert call(TRACES, order_id).status_code == 200
    assert [each.outcome for each in sandbox.calls] == ["fault_reset", "ok"]


def test_a_hanging_call_gets_no_answer_in_time(sandbox, order_id, session):
    sandbox.faults.add("hang", times=1, seconds=5)
    path = f"/openapi/param2/1/system/currentTime/{sandbox.apps[0].key}"

    began = time.monotonic()
    with pytest.raises(requests.Timeout):
        session.post(f"{sandbox.url}{path}", timeout=0.1)
    sandbox.stop()
    assert time.monotonic() - began < 3


def test_an_empty_answer_hides_events(sandbox, call, order_id):
    sandbox.faults.add("empty", api=TRACES, times=6)
    replies = [call(TRACES, order_id).json() for _ in range(6)]

    assert not [reply for reply in replies if reply.get("logisticsTrace")]
    assert steps(call(TRACES, order_id))


def test_doubled_steps_are_the_same_steps(sandbox, call, order_id):
    honest = steps(call(TRACES, order_id))
    sandbox.faults.add("duplicated", times=1)
    doubled = steps(call(TRACES, order_id))

    assert len(doubled) > len(honest)
    assert list(dict.fromkeys(doubled)) == honest


def test_reordered_steps_are_the_same_and_one_second_keeps_its_order(sandbox, call, story, clock):
    order = story("same_second")
    clock.set(order.shipped_at + timedelta(days=20))
    honest = steps(call(TRACES, order.order_id))
    sandbox.faults.add("reordered", times=1)
    shuffled = steps(call(TRACES, order.order_id))

    assert shuffled != honest
    assert sorted(shuffled, key=lambda step: step[0]) == sorted(honest, key=lambda step: step[0])


def test_a_scripted_fault_strikes_only_what_it_names(sandbox, call, order_id, story):
    other = story("signed_by_self").order_id
    sandbox.faults.add("http_500", api=TRACES, order_id=order_id, account="platform_1688", times=2)

    assert call(INFOS, order_id).status_code == 200
    assert call(TRACES, other).status_code == 200
    assert [call(TRACES, order_id).status_code for _ in range(3)] == [500, 500, 200]


def test_a_fault_in_an_answer_waits_for_an_answer_it_fits(sandbox, call, order_id, story):
    sandbox.faults.add("empty", times=1)

    assert call(DETAIL, order_id).json()["success"] == "true"
    assert call(TRACES, story("not_ours").order_id).json()["errorCode"]
    assert not call(INFOS, order_id).json()["result"]


def test_chance_is_seeded():
    def struck(seed: int) -> list[bool]:
        faults = Faults(seed).add("http_500", probability=0.3)
        return [faults.pick("api", "1", "a", lambda _: True) is not None for _ in range(200)]

    assert struck(1) == struck(1) != struck(2)
    assert 30 < sum(struck(1)) < 90


def test_a_share_of_the_answers_is_slow():
    faults = Faults(1, latency=Latency(usual_ms=10, slow_ms=500, slow_share=0.2))
    delays = [faults.delay() for _ in range(300)]

    assert set(delays) == {0.01, 0.5}
    assert 30 < delays.count(0.5) < 90


def test_cleared_faults_strike_no_more(sandbox, call, order_id):
    sandbox.faults.add("http_500")
    assert call(TRACES, order_id).status_code == 500

    sandbox.faults.clear()
    assert call(TRACES, order_id).status_code == 200


def test_an_unknown_fault_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=min(KINDS)):
        Faults().add("earthquake")


@pytest.fixture
def form_of(sandbox, call, order_id):
    """An answer's honest content, and the same answer under a fault."""

    def strike(kind: str) -> tuple[bytes, requests.Response]:
        honest = call(TRACES, order_id).content
        sandbox.faults.add(kind, times=1)
        return honest, call(TRACES, order_id)

    return strike


def test_a_byte_order_mark_comes_in_front(form_of):
    honest, reply = form_of("bom")

    assert reply.content == b"\xef\xbb\xbf" + honest


def test_control_characters_come_raw_within_the_texts(form_of):
    honest, reply = form_of("raw_control")

    assert b"\x07" in reply.content
    assert b"\n" in reply.content
    with pytest.raises(ValueError, match="control character"):
        json.loads(reply.content)
    assert reply.content.replace(b"\x07", b"").replace(b"\n", b"") == honest


def test_an_answer_in_gbk_names_its_charset(form_of):
    honest, reply = form_of("gbk")

    assert reply.headers["Content-Type"].endswith("charset=GBK")
    assert reply.content != honest
    assert reply.content.decode("gbk") == honest.decode()


def test_bytes_that_are_no_text_cannot_be_decoded(form_of):
    _, reply = form_of("bad_bytes")

    with pytest.raises(UnicodeDecodeError):
        reply.content.decode()


def test_nan_comes_as_a_further_step(form_of):
    honest, reply = form_of("nan")

    assert b"NaN" in reply.content
    assert len(steps(reply)) == len(json.loads(honest)["logisticsTrace"][0]["logisticsSteps"]) + 1


def test_litter_lies_between_the_steps(form_of):
    honest, reply = form_of("garbage")

    (trace,) = reply.json()["logisticsTrace"]
    known = [step for step in trace["logisticsSteps"] if isinstance(step, dict) and step]
    assert None in trace["logisticsSteps"]
    assert [(step["acceptTime"], step["remark"]) for step in known] == [
        (step["acceptTime"], step["remark"])
        for step in json.loads(honest)["logisticsTrace"][0]["logisticsSteps"]
    ]


def test_an_order_whose_replies_hold_nan_always_gets_it(call, story, clock):
    order = story("nan_reply")
    clock.set(order.shipped_at + timedelta(days=20))

    for _ in range(2):
        assert b"NaN" in call(TRACES, order.order_id).content


def test_some_orders_always_answer_in_an_odd_form(world, clock):
    sandbox = Sandbox(world, clock, token_hours=None, odd_forms=True)
    orders = {order.quirk // 7 % 20: order for order in world.orders()}

    def body(number: int) -> bytes:
        order = orders[number]
        steps = [{"acceptTime": "2026-03-02 09:05:00", "remark": "已签收"}]
        text = {"logisticsSteps": steps}
        answer = Answer(200, text, "ok", account=order.account, order_id=order.order_id)
        return sandbox._in_its_form(answer).body

    honest = body(len(FORMS))
    assert body(0) == b"\xef\xbb\xbf" + honest
    assert body(1).replace(b"\x07", b"").replace(b"\n", b"") == honest != body(1)
    assert body(2) == honest.decode().encode("gbk")
    first, second = body(3).decode(), body(3).decode()
    assert "已签收，地图：https://map.example/m/" in first
    assert first != second
    assert "2026/3/2 9:05:00" in body(4).decode()
    assert json.loads(body(5))["logisticsSteps"]["1"]["remark"] == "已签收"
    assert json.loads(json.loads(body(6))["logisticsSteps"])[0]["remark"] == "已签收"
    assert body(7) == honest
    assert "2026-03-02 09:05:00 AM" in body(8).decode()
    assert json.loads(body(9))["logisticsSteps"][0]["acceptTime"] == [2026, 3, 2, 9, 5, 0]
