"""The sandbox over real HTTP: keep-alive, quota, call log and the control of other processes."""

import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from sandbox.clock import Clock
from sandbox.defaults import apps_for, connection
from sandbox.faults import Latency
from sandbox.platform_1688 import INFOS, TIME, TRACES, sign
from sandbox.server import Sandbox, most_in_any_second
from sandbox.world import World

START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "most"),
    [
        ([], 0),
        ([5.0], 1),
        ([0.0, 1.0, 2.0], 1),
        ([0.0, 0.5, 0.999, 1.0], 3),
        ([3.2, 0.1, 3.1, 3.9, 9.0], 3),
    ],
)
def test_the_busiest_second_is_any_second(times, most):
    assert most_in_any_second(times) == most


def test_one_connection_carries_many_calls(sandbox):
    app = sandbox.apps[0]
    path = f"param2/1/system/currentTime/{app.key}"
    form = f"_aop_signature={sign(path, {}, app.secret).decode()}"
    request = (
        f"POST /openapi/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(form)}\r\n\r\n{form}"
    ).encode()
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connected:
        for _ in range(3):
            connected.sendall(request)
            assert connected.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")

    assert sandbox.usage()["total"] == 3


def test_a_request_that_is_not_http_is_refused(sandbox, call):
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connected:
        connected.sendall(b"nonsense\r\n\r\n")
        assert connected.recv(4096).startswith(b"HTTP/1.1 400 ")

    assert call(TIME).status_code == 200


def test_only_this_machine_may_call(sandbox):
    assert sandbox.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("qos_status", [400, 200])
def test_calls_over_the_quota_are_refused_and_counted(world, session, qos_status):
    app = apps_for(world.accounts, qps=5)[0]
    path = f"param2/1/system/currentTime/{app.key}"
    form = {"_aop_signature": sign(path, {}, app.secret).decode()}
    with Sandbox(world, Clock.real(), [app], qos_status=qos_status) as sandbox:
        url = f"{sandbox.url}/openapi/{path}"
        replies = [session.post(url, data=form, timeout=5) for _ in range(8)]
        usage = sandbox.usage()

    refused = [reply for reply in replies if "error_code" in reply.json()]
    assert len(refused) == 3
    assert {reply.status_code for reply in refused} == {qos_status}
    assert refused[0].json()["error_code"] == "gw.QosAppFrequencyLimit"
    assert usage["refused_by_quota"] == {app.key: 3}
    assert usage["most_in_any_second"] == {app.key: 8}


def test_the_log_keeps_who_asked_what_and_when(call, sandbox, clock, story):
    order = story("signed_by_self")
    call(INFOS, order.order_id)
    call(TRACES, order.order_id)
    call(TRACES, "1" * 19)
    first, second, third = sandbox.calls

    assert (first.api, first.account, first.order_id) == (INFOS, "platform_1688", order.order_id)
    assert first.at == clock.now()
    assert first.arrived < second.arrived < third.arrived
    assert [each.outcome for each in sandbox.calls] == ["ok", "ok", "order.nopermission.buyer"]

    sandbox.clear_calls()
    assert sandbox.usage()["total"] == 0


def test_another_process_can_control_everything(sandbox, session, call, story):
    def ask(path: str, **orders: object) -> requests.Response:
        if orders:
            return session.post(f"{sandbox.url}{path}", json=orders, timeout=5)
        return session.get(f"{sandbox.url}{path}", timeout=5)

    order_id = story("signed_by_self").order_id
    at = START + timedelta(hours=30)
    assert ask("/control/clock", set=at.isoformat()).json()["now"] == at.isoformat()
    assert ask("/control/clock", advance=30).status_code == 200
    later = at + timedelta(minutes=30)
    assert ask("/clock").json()["now"] == later.isoformat()
    assert ask("/control/clock").json() == {"now": later.isoformat(), "speed": 0.0}

    ask("/control/faults", add=[{"kind": "http_500", "times": 1}])
    assert [call(INFOS, order_id).status_code for _ in range(2)] == [500, 200]
    ask("/control/faults", add=[{"kind": "http_500"}], latency={"usual_ms": 1})
    ask("/control/faults", clear=True)
    assert call(INFOS, order_id).status_code == 200

    ask("/control/tokens", account="platform_1688", do="expire")
    assert call(INFOS, order_id).status_code == 401
    pair = ask("/control/tokens", account="platform_1688", do="replace").json()
    assert call(INFOS, order_id, access_token=pair["access_token"]).status_code == 200

    assert ask("/control/freeze", at=START.isoformat()).status_code == 200
    assert sandbox.world.as_of(later) == START
    session.post(f"{sandbox.url}/control/freeze", json={"at": None}, timeout=5)
    assert sandbox.world.as_of(later) == later

    assert ask("/control/usage").json()["total"] == len(sandbox.calls) == 5
    assert len(ask("/control/calls?since=3").json()) == 2
    assert {order["order_id"] for order in ask("/control/truth").json()} == {
        order_id for _, order_id in sandbox.world.truth(later)
    }


def test_a_wrong_order_to_the_control_says_what_is_wrong(sandbox, session):
    def post(path: str, orders: object) -> requests.Response:
        return session.post(f"{sandbox.url}{path}", json=orders, timeout=5)

    assert post("/control/nothing", {}).status_code == 404
    assert post("/control/faults", {"add": [{"kind": "earthquake"}]}).status_code == 400
    assert post("/control/tokens", {"account": "nobody", "do": "expire"}).status_code == 404
    assert post("/control/clock", {"set": "yesterday"}).status_code == 400


def test_answers_take_as_long_as_told(world, session):
    app = apps_for(world.accounts, qps=None)[0]
    path = f"param2/1/system/currentTime/{app.key}"
    form = {"_aop_signature": sign(path, {}, app.secret).decode()}
    with Sandbox(world, Clock.real(), [app], latency=Latency(usual_ms=60)) as sandbox:
        began = time.monotonic()
        session.post(f"{sandbox.url}/openapi/{path}", data=form, timeout=5)
        assert time.monotonic() - began >= 0.06


def test_a_stopped_sandbox_keeps_no_connection_and_can_start_again(world, clock, session):
    sandbox = Sandbox(world, clock)
    url = sandbox.start()
    session.get(f"{url}/clock", timeout=5)
    sandbox.stop()

    with pytest.raises(requests.ConnectionError):
        session.get(f"{url}/clock", timeout=5)
    with sandbox:
        assert session.get(sandbox.clock_url, timeout=5).status_code == 200


def test_sixteen_connections_are_served_at_once(sandbox):
    """Enough for the product's threads; the numbers belong to a benchmark."""
    app = sandbox.apps[0]
    path = f"param2/1/system/currentTime/{app.key}"
    form = {"_aop_signature": sign(path, {}, app.secret).decode()}

    def many_calls() -> None:
        with requests.Session() as own:
            for _ in range(20):
                own.post(f"{sandbox.url}/openapi/{path}", data=form, timeout=5)

    threads = [threading.Thread(target=many_calls) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sandbox.usage()["calls"] == [{"api": TIME, "outcome": "ok", "calls": 320}]


def test_two_accounts_share_an_app_and_the_third_has_its_own():
    base_url = "http://127.0.0.1:1"
    names = ["platform_1688", "platform_1688_east", "platform_1688_south"]
    first, second, third = (connection(name, base_url, apps_for(names)) for name in names)

    assert first["login"] == second["login"] != third["login"]
    assert first["conn_type"] == "ecommerce_platform"
    assert first["host"] == base_url
    assert set(first["extra"]) == {"platform", "dialect", "access_token", "refresh_token", "qps"}
    assert first["extra"]["access_token"] != second["extra"]["access_token"]
    with pytest.raises(KeyError, match="no such account"):
        connection("platform_taobao", base_url, apps_for(names))


@pytest.mark.server
def test_a_sandbox_serves_the_accounts_of_its_world():
    world = World(1, START, {"platform_tmall": 3})

    with Sandbox(world, Clock.standing(START)) as sandbox:
        given = sandbox.connection("platform_tmall")

    assert (given["extra"]["platform"], given["extra"]["dialect"]) == ("tmall", "top")


def test_accounts_of_other_names_get_apps_too():
    assert [len(app.accounts) for app in apps_for(["a"])] == [1]
