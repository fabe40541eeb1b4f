"""The receiver takes what is rightly signed, once and for all to see, and fails only when told."""

import hmac
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from sandbox.receiver import Receiver

ROOT = Path(__file__).parents[3]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver("ops", "shop") as running:
        yield running


@pytest.fixture
def post(receiver: Receiver) -> Callable[..., requests.Response]:
    """Send a message rightly signed; keywords change a header, or (None) leave it out."""

    def send(name: str = "ops", /, *, event_id: str = "", **headers: str | None) -> Any:
        event_id = event_id or str(uuid4())
        body = json.dumps({"event_id": event_id, "text": "快件已签收"}).encode()
        stamp = headers.pop("X_Timestamp", None) or str(int(time.time()))
        digest = hmac.new(
            receiver.secret(name).encode(), f"{stamp}.".encode() + body, "sha256"
        ).hexdigest()
        sent = {
            "Content-Type": "application/json",
            "X-Timestamp": stamp,
            "X-Signature": f"sha256={digest}",
            "X-Event-Id": event_id,
        } | {key.replace("_", "-"): value for key, value in headers.items()}
        return requests.post(receiver.url(name), data=body, headers=sent, timeout=5)

    return send


def test_what_is_rightly_signed_is_taken_and_kept_in_order(receiver, post):
    ids = [str(uuid4()) for _ in range(3)]

    assert [post(event_id=event_id).status_code for event_id in ids] == [204] * 3
    assert [each.event_id for each in receiver.deliveries()] == ids
    assert receiver.deliveries("ops")[0].body["text"] == "快件已签收"
    assert receiver.deliveries("shop") == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Signature": "sha256=0"}, 401),
        ({"X_Signature": None}, 401),
        ({"X_Timestamp": "soon"}, 401),
        ({"X_Timestamp": str(int(time.time()) - 3600)}, 401),
        ({"X_Timestamp": str(int(time.time()) + 3600)}, 401),
        ({"X_Event_Id": str(uuid4())}, 400),
        ({"X_Event_Id": "1"}, 400),
        ({"Content_Type": "text/plain"}, 415),
    ],
)
def test_what_is_wrong_is_refused_and_not_kept(receiver, post, headers, status):
    assert post(**headers).status_code == status
    assert receiver.deliveries() == []
    assert len(receiver.refusals("ops")) == 1


def test_another_endpoints_secret_does_not_fit(receiver, post):
    body = b'{"event_id": "x"}'
    digest = hmac.new(receiver.secret("shop").encode(), b"1." + body, "sha256").hexdigest()

    reply = requests.post(
        receiver.url("ops"),
        data=body,
        headers={"X-Timestamp": str(int(time.time())), "X-Signature": f"sha256={digest}"},
        timeout=5,
    )

    assert reply.status_code == 401


def test_only_posts_to_endpoints_are_served(receiver, post):
    assert requests.get(receiver.url("ops"), timeout=5).status_code == 405
    assert requests.post(f"{receiver.base_url}/hooks/nobody", timeout=5).status_code == 404
    assert requests.post(f"{receiver.base_url}/elsewhere", timeout=5).status_code == 404


def test_one_endpoint_goes_down_and_comes_back_alone(receiver, post):
    receiver.go_down("ops", status=429, headers={"Retry-After": "7"})

    refused = post("ops")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert post("shop").status_code == 204

    receiver.come_back("ops")
    assert post("ops").status_code == 204


def test_a_reset_drops_the_connection_without_taking_anything(receiver, post):
    receiver.go_down("ops", "reset")

    with pytest.raises(requests.ConnectionError):
        post()
    assert receiver.deliveries() == []


def test_a_lost_answer_is_a_message_taken(receiver, post):
    receiver.go_down("ops", "lost")

    with pytest.raises(requests.ConnectionError):
        post()
    assert len(receiver.deliveries()) == 1


def test_whoever_hangs_is_let_go_when_the_receiver_stops(receiver, post):
    receiver.go_down("ops", "hang", seconds=60)

    with pytest.raises(requests.ReadTimeout):
        requests.post(receiver.url("ops"), data=b"", timeout=0.05)
    receiver.stop()


def test_a_slow_endpoint_takes_the_message_in_the_end(receiver, post):
    receiver.set_mood("ops", "up", seconds=0.01)

    assert post().status_code == 204
    assert len(receiver.deliveries()) == 1


def test_a_mood_that_does_not_exist_is_refused_by_name(receiver):
    with pytest.raises(ValueError, match="moody"):
        receiver.set_mood("ops", "moody")
    with pytest.raises(KeyError, match="nobody"):
        receiver.set_mood("nobody")


def test_another_process_controls_it_over_http(receiver, post):
    control = f"{receiver.base_url}/control"

    down = {"channel": "ops", "mode": "status", "status": 500}
    assert requests.post(f"{control}/mood", json=down, timeout=5).json() == {"ok": True}
    assert post().status_code == 500
    requests.post(f"{control}/mood", json={"channel": "ops"}, timeout=5)
    post(event_id="6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")

    (found,) = requests.get(f"{control}/deliveries?channel=ops", timeout=5).json()
    assert found["event_id"] == "6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11"
    (refused,) = requests.get(f"{control}/refusals", timeout=5).json()
    assert refused["why"] == "down: 500"
    requests.post(f"{control}/clear", timeout=5)
    assert receiver.deliveries() == []
    wrong = requests.post(f"{control}/mood", json={"channel": "ops", "mode": "x"}, timeout=5)
    assert wrong.status_code == 400
    assert requests.get(f"{control}/nothing", timeout=5).status_code == 404


def test_its_connection_fields_name_each_endpoint_with_its_secret(receiver):
    connection = receiver.connection("ops", "shop", language="en")

    assert connection["conn_type"] == "generic"
    first, second = connection["extra"]["channels"]
    assert first == {
        "type": "webhook",
        "name": "ops",
        "url": receiver.url("ops"),
        "secret": receiver.secret("ops"),
        "language": "en",
    }
    assert first["secret"] != second["secret"]


@pytest.mark.server
def test_the_command_prints_what_is_delivered():
    command = [sys.executable, "-m", "sandbox", "receiver", "--port", "0", "--audiences", "ops"]
    with subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        channel = json.loads(lines[2].partition("  ")[2])["extra"]["channels"][0]
        body = b'{"event_id": "6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11", "text": "signed"}'
        stamp = str(int(time.time()))
        digest = hmac.new(channel["secret"].encode(), f"{stamp}.".encode() + body, "sha256")
        reply = requests.post(
            channel["url"],
            data=body,
            headers={
                "Content-Type": "application/json",
                "X-Timestamp": stamp,
                "X-Signature": f"sha256={digest.hexdigest()}",
                "X-Event-Id": "6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11",
            },
            timeout=5,
        )
        shown = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.read()

    assert reply.status_code == 204
    assert shown.split()[1:] == ["ops", "6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11", "signed"]
    assert process.returncode == 0
