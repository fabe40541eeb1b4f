"""Whenever a process is killed, nothing is lost, and what comes twice has the same id."""

import email
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import uuid4

import pika
import pytest
from aiosmtpd.controller import Controller
from confluent_kafka import Consumer, Producer
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.robots import PATHS, SECRET, Robot

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("notify_and_die.py")
RABBITMQ = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
KINDS = ["feishu", "webhook", "rabbitmq", "email", "kafka"]
DEATHS = [("after", 0), ("before", 0), ("commit", 4), ("commit", 5), ("commit", 6)]
"""After and before sending; as a claim, the next statement, and an acknowledgement commit."""

PARCELS = 4
CHANGES = ["picked_up", "in_transit", "out_for_delivery", "signed"]
Taken = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def webhook(receiver) -> tuple[dict[str, Any], Taken]:
    fields = {"url": receiver.url("ops"), "secret": receiver.secret("ops")}
    return fields, lambda: [(each.event_id, each.body["text"]) for each in receiver.deliveries()]


@pytest.fixture
def feishu(httpserver: HTTPServer) -> tuple[dict[str, Any], Taken]:
    """A strict robot; it does not see the id of a message."""
    robot = Robot("feishu")

    def handle(request: Request) -> Response:
        answer = robot.answer(request.path, request.args, request.get_data())
        return Response(json.dumps(answer), content_type="application/json")

    httpserver.expect_request(PATHS["feishu"]).respond_with_handler(handle)
    fields = {"url": httpserver.url_for(PATHS["feishu"]), "secret": SECRET}
    return fields, lambda: [("", text) for text in robot.texts]


@pytest.fixture(name="email")
def mailbox() -> Iterator[tuple[dict[str, Any], Taken]]:
    mails: list[tuple[str, str]] = []

    class Inbox:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            mail = email.message_from_bytes(envelope.content, policy=default)
            mails.append((mail["Message-ID"].strip("<>").partition("@")[0], mail.get_content()))
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    server = Controller(Inbox(), hostname="127.0.0.1", port=port)
    server.start()
    addresses = {"sender": "a@example.com", "to": ["b@example.com"], "digest": True}
    yield {"host": "127.0.0.1", "port": port, "security": "none"} | addresses, lambda: mails
    server.stop()


@pytest.fixture
def rabbitmq() -> Iterator[tuple[dict[str, Any], Taken]]:
    try:
        connection = pika.BlockingConnection(pika.URLParameters(RABBITMQ))
    except pika.exceptions.AMQPConnectionError:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("a RabbitMQ server is needed")
    broker, queue = connection.channel(), f"shipment-tracking-test-{uuid4()}"
    broker.queue_declare(queue, durable=True)

    def taken() -> list[tuple[str, str]]:
        found = []
        while (message := broker.basic_get(queue, auto_ack=True))[0]:
            found.append((message[1].message_id, json.loads(message[2])["text"]))
        return found

    yield {"url": RABBITMQ, "routing_key": queue}, taken
    broker.queue_delete(queue)
    connection.close()


@pytest.fixture
def kafka() -> Iterator[tuple[dict[str, Any], Taken]]:
    cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = cluster.list_topics(timeout=10).brokers.values()
    servers = f"{broker.host}:{broker.port}"

    def taken() -> list[tuple[str, str]]:
        settings = {"group.id": str(uuid4()), "auto.offset.reset": "earliest", "log_level": 0}
        consumer = Consumer({"bootstrap.servers": servers, **settings})
        consumer.subscribe(["shipments"])
        messages, silent = [], 0
        while silent < 5 or not messages:
            found = consumer.consume(100, timeout=0.3)
            messages += found
            silent = 0 if found else silent + 1
        consumer.close()
        return [
            (dict(each.headers())["event_id"].decode(), json.loads(each.value())["text"])
            for each in messages
        ]

    yield {"servers": servers, "topic": "shipments", "security": "none"}, taken
    cluster.flush(1)


@pytest.fixture
def run(warehouse, tmp_path, at) -> Callable[..., int]:
    """Notify in a process of its own; returns its exit code."""

    def start(channel: dict[str, Any], die: tuple[str, int], hours: int) -> int:
        order = {
            "warehouse": warehouse.url.render_as_string(hide_password=False),
            "channel": channel,
            "die": die,
            "log": str(tmp_path / "sent"),
            "now": at(hours=hours).isoformat(),
        }
        done = subprocess.run(
            [sys.executable, str(PROGRAM)],
            input=json.dumps(order),
            text=True,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"},
            capture_output=True,
            check=False,
        )
        assert done.returncode in (0, -9), done.stderr
        return done.returncode

    return start


def live_through(deaths: list[tuple[str, int]], channel: dict[str, Any], world: Any) -> None:
    """Let new parcels and an old one change, and a process be killed while it tells of them."""
    ship, change, run = world
    old = ship(1)
    for number, die in enumerate(deaths):
        for parcel in range(10 * (number + 1), 10 * (number + 1) + PARCELS):
            change(ship(parcel), "out_for_delivery", hours=number)
        if number % 3 == 2:
            change(old, CHANGES[number // 3], hours=number)
        assert run(channel, die, number) == -9, die
    assert run(channel, ("never", 0), len(deaths)) == 0


def repeats(taken: list[tuple[str, str]], log: Path, select: Any) -> int:
    """Check that all was told, and each repeat has its id; returns how many messages are one."""
    rows = select("waybill_no, reason, state from analytics.notifications")
    assert {row.state for row in rows} <= {"sent", "suppressed"}
    assert {row.reason for row in rows if row.state == "suppressed"} <= {"superseded"}
    told = {waybill for _, text in taken for waybill in re.findall(r"YT\d+", text)}
    assert told == {row.waybill_no for row in rows}
    if not any(message_id for message_id, _ in taken):
        taken = [tuple(json.loads(line)) for line in log.read_text("utf-8").splitlines()]
    assert len(set(taken)) == len({text for _, text in taken}), "a repeat has another id"
    assert len(set(taken)) == len({message_id for message_id, _ in taken}), "one id, two messages"
    return len(taken) - len(set(taken))


@pytest.fixture
def world(ship, change, run) -> tuple[Any, Any, Any]:
    return ship, change, run


@pytest.mark.parametrize(("kind", "death"), list(zip(KINDS, DEATHS, strict=True)))
def test_a_kill_loses_nothing_and_a_repeat_has_the_same_id(
    kind, death, request, world, select, tmp_path
):
    channel, taken = request.getfixturevalue(kind)

    live_through([death], {"type": kind} | channel, world)

    assert repeats(taken(), tmp_path / "sent", select) >= (death[0] == "after")


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_ten_kills_lose_nothing_and_repeats_have_the_same_id(
    kind, request, world, select, tmp_path
):
    channel, taken = request.getfixturevalue(kind)

    live_through(DEATHS * 2, {"type": kind} | channel, world)

    assert repeats(taken(), tmp_path / "sent", select) >= 2
