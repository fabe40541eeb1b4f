"""What becomes of a message to each type of channel, as the table in docs/channels.md says."""

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pika
import pytest
from confluent_kafka import KafkaError, Producer
from pytest_httpserver import HTTPServer
from werkzeug import Response

from sandbox.robots import PATHS, SECRET
from shipment_tracking.channels.port import Channel
from shipment_tracking.channels.registry import TYPES, destinations
from shipment_tracking.channels.wechat import TOKEN_PATH, WeChat
from shipment_tracking.errors import DeliveryError, RateLimitedError, ReceiverClosedError

pytestmark = pytest.mark.server

EVENT = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
BODY = {
    "event_id": str(EVENT),
    "text": "快件已签收",
    "account": "a",
    "consignment_id": "LP1",
    "contacts": [{"phone": "19900000001", "wechat_openid": "o1"}],
}
CASES = ("taken", "refused", "limited", "credentials", "slow", "down", "half")
DOCS = Path(__file__).parents[3] / "docs" / "channels.md"
RABBITMQ = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
PATH = {
    "webhook": "/hook",
    "apprise": "/hook",
    "aliyun_sms": "/",
    "wechat": "/cgi-bin/message/subscribe/send",
    **{kind: path.partition("?")[0] for kind, path in PATHS.items()},
}
ANSWERS: dict[str, dict[str, tuple[int, Any, dict[str, str]]]] = {
    "webhook": {
        "taken": (204, None, {}),
        "refused": (400, None, {}),
        "limited": (429, None, {"Retry-After": "120"}),
        "credentials": (401, None, {}),
    },
    "dingtalk": {
        "taken": (200, {"errcode": 0}, {}),
        "refused": (200, {"errcode": 460101}, {}),
        "limited": (200, {"errcode": 130101}, {}),
        "credentials": (200, {"errcode": 310000}, {}),
    },
    "wecom": {
        "taken": (200, {"errcode": 0}, {}),
        "refused": (200, {"errcode": 40058}, {}),
        "limited": (200, {"errcode": 45009}, {}),
        "credentials": (200, {"errcode": 93000}, {}),
    },
    "feishu": {
        "taken": (200, {"code": 0}, {}),
        "refused": (200, {"code": 9499}, {}),
        "limited": (200, {"code": 11232}, {}),
        "credentials": (200, {"code": 19021}, {}),
    },
    "aliyun_sms": {
        "taken": (200, {"Code": "OK"}, {}),
        "refused": (200, {"Code": "isv.MOBILE_NUMBER_ILLEGAL"}, {}),
        "limited": (200, {"Code": "isv.DAY_LIMIT_CONTROL"}, {}),
        "credentials": (400, {"Code": "SignatureDoesNotMatch"}, {}),
    },
    "wechat": {
        "taken": (200, {"errcode": 0}, {}),
        "refused": (200, {"errcode": 44002}, {}),
        "limited": (200, {"errcode": 45011}, {}),
        "credentials": (200, {"errcode": 48001}, {}),
    },
    "apprise": {
        "taken": (200, None, {}),
        "refused": (400, None, {}),
        "limited": (429, None, {}),
        "credentials": (401, None, {}),
    },
}
MAIL: dict[str, dict[str, str]] = {
    "taken": {},
    "refused": {"DATA": "554 refused"},
    "limited": {"DATA": "451 too many"},
    "credentials": {"AUTH": "535 no"},
}


def outcome(channel: Channel) -> str:
    """What becomes of a message, in the words of the documentation."""
    try:
        channel.send(EVENT, BODY)
    except ReceiverClosedError:
        return "closed"
    except RateLimitedError as error:
        return f"pauses {error.retry_after:,.0f} s"
    except DeliveryError as error:
        if error.permanent:
            return "dead"
        return f"later, after {error.retry_after:.0f} s" if error.retry_after else "later"
    return "sent"


@pytest.fixture
def lines() -> Iterator[Callable[[Callable[[socket.socket], Any]], int]]:
    """A server that talks as told to each connection; gives its port."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    threads: list[threading.Thread] = []

    def serve(talk: Callable[[socket.socket], Any]) -> int:
        def accept() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    talk(connection)

        threads.append(threading.Thread(target=accept))
        threads[0].start()
        return int(listener.getsockname()[1])

    yield serve
    over.set()
    for thread in threads:
        thread.join()
    listener.close()


def speak_smtp(answers: dict[str, str]) -> Callable[[socket.socket], None]:
    """A mail server; ``DATA`` is its answer to the whole mail."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"220 x\r\n")
        for line in connection.makefile("rb"):
            word = line[:4].decode("ascii", "replace").upper()
            if word == "EHLO":
                connection.sendall(b"250-x\r\n250 AUTH PLAIN\r\n")
            elif word == "DATA":
                connection.sendall(b"354 go on\r\n")
            elif line == b".\r\n":
                connection.sendall(f"{answers.get('DATA', '250 ok')}\r\n".encode())
            elif word in ("AUTH", "MAIL", "RCPT", "RSET", "QUIT"):
                good = {"AUTH": "235 ok", "QUIT": "221 bye"}.get(word, "250 ok")
                connection.sendall(f"{answers.get(word, good)}\r\n".encode())

    return talk


def open_channel(kind: str, **fields: Any) -> Any:
    audience = "ops" if TYPES[kind].for_staff else "customers"
    (destination,) = destinations(audience, [{"type": kind} | fields])
    return destination.channel


def http_channel(kind: str, base: str) -> Any:
    url = base + PATHS.get(kind, PATH[kind])
    own: dict[str, Any] = {
        "webhook": {"secret": "s"},
        "dingtalk": {"secret": SECRET},
        "feishu": {"secret": SECRET},
        "aliyun_sms": {
            "access_key_id": "k",
            "access_key_secret": "s",
            "sign_name": "n",
            "template_code": "SMS_1",
        },
        "wechat": {
            "app_id": "wx0000000000000001",
            "app_secret": "s",
            "account": "mini_program",
            "template_id": "t",
            "fields": {"thing1": "latest_trace"},
        },
    }.get(kind, {})
    if kind == "wechat":
        url = base
    if kind == "apprise":
        url = url.replace("http://", "json://")
    return open_channel(kind, url=url, **own)


def impatient(channel: Any) -> Any:
    if isinstance(channel, WeChat):
        return replace(channel, app=replace(channel.app, timeout=(1, 0.1)))
    timeout = (1, 0.1) if isinstance(channel.timeout, tuple) else 0.3
    return replace(channel, timeout=timeout)


def over_http(kind: str, case: str, httpserver: HTTPServer) -> str:
    channel = http_channel(kind, httpserver.url_for("").rstrip("/"))
    path = httpserver.expect_request(PATH[kind])
    token = {"access_token": "t", "expires_in": 7200}
    httpserver.expect_request(TOKEN_PATH).respond_with_json(token)
    if case == "slow":
        over = threading.Event()
        path.respond_with_handler(lambda request: Response(str(over.wait(30))))
        found = outcome(impatient(channel))
        over.set()
        return found
    status, body, headers = ANSWERS[kind][case]
    path.respond_with_data("" if body is None else json.dumps(body), status, headers)
    return outcome(channel)


def over_smtp(case: str, lines: Any) -> str:
    def mail(port: int) -> Any:
        addresses = {"sender": "a@example.com", "to": ["b@example.com"]}
        login = {"login": "shop", "password": "secret"}
        where = {"host": "127.0.0.1", "port": port, "security": "none"}
        return open_channel("email", **where, **addresses, **login)

    if case == "slow":
        return outcome(impatient(mail(lines(lambda connection: connection.recv(1)))))
    return outcome(mail(lines(speak_smtp(MAIL[case]))))


def over_amqp(case: str, lines: Any) -> str:
    if case == "slow":
        port = lines(lambda connection: [connection.recv(9), connection.recv(9)])
        url = f"amqp://guest:guest@127.0.0.1:{port}/"
        return outcome(impatient(open_channel("rabbitmq", url=url, routing_key="q")))
    if case == "credentials":
        url = RABBITMQ.replace("guest:guest", "guest:other")
        return outcome(open_channel("rabbitmq", url=url, routing_key="q"))
    try:
        connection = pika.BlockingConnection(pika.URLParameters(RABBITMQ))
    except pika.exceptions.AMQPConnectionError:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("a RabbitMQ server is needed")
    broker, queue = connection.channel(), f"shipment-tracking-test-{uuid4()}"
    limit = {"x-max-length": 0, "x-overflow": "reject-publish"} if case != "taken" else {}
    broker.queue_declare(queue, arguments=limit)
    found = outcome(open_channel("rabbitmq", url=RABBITMQ, routing_key=queue))
    broker.queue_delete(queue)
    connection.close()
    return found


def over_kafka(case: str) -> str:
    if case in KAFKA_CODES:
        channel = open_channel("kafka", servers="h:1", topic="t")
        return outcome(_Refusing(channel._refused(KafkaError(KAFKA_CODES[case]))))
    settings = {"test.mock.num.brokers": 1, "log_level": 0}
    cluster = Producer(settings | ({"test.mock.broker.rtt": 400} if case == "slow" else {}))
    (broker,) = cluster.list_topics(timeout=10).brokers.values()
    servers = f"{broker.host}:{broker.port}"
    channel = open_channel("kafka", servers=servers, topic="t", security="none")
    found = outcome(impatient(channel) if case == "slow" else channel)
    cluster.flush(0)
    return found


KAFKA_CODES = {
    "refused": KafkaError.MSG_SIZE_TOO_LARGE,
    "limited": KafkaError.THROTTLING_QUOTA_EXCEEDED,
    "credentials": KafkaError.SASL_AUTHENTICATION_FAILED,
}


class _Refusing:
    """A channel that meets an error of the Kafka library, which no mock cluster gives."""

    def __init__(self, error: DeliveryError) -> None:
        self._error = error

    def send(self, *message: Any) -> None:
        raise self._error


def broken(kind: str, case: str, lines: Any) -> str:
    """What becomes of a message where nothing listens, or the answer ends in its middle."""

    def half(connection: socket.socket) -> None:
        if kind == "email":
            connection.sendall(b"22")
            return
        connection.recv(10_000)
        is_read = kind not in ("webhook", "apprise")
        connection.sendall(
            b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"errco' if is_read else b"HTTP/1.1 20"
        )

    port = 1 if case == "down" else lines(half)
    at = f"127.0.0.1:{port}"
    fields: dict[str, dict[str, Any]] = {
        "email": {"host": "127.0.0.1", "port": port, "security": "none", "sender": "a@b.example"}
        | {"to": ["b@b.example"]},
        "rabbitmq": {"url": f"amqp://guest:guest@{at}/", "routing_key": "q"},
        "kafka": {"servers": at, "topic": "t", "security": "none"},
    }
    if kind not in fields:
        return outcome(http_channel(kind, f"http://{at}"))
    channel = open_channel(kind, **fields[kind])
    return outcome(replace(channel, timeout=0.5) if kind == "kafka" else channel)


def documented() -> dict[tuple[str, str], str]:
    """The cells of the table, without what they say of the reason."""
    text = DOCS.read_text(encoding="utf-8").partition("## What becomes of a message")[2]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", text.partition("\n## ")[0], re.MULTILINE)
    return {
        (kind, case): re.sub(r" \(.*\)", "", cell.strip())
        for kind, cells in rows
        for case, cell in zip(CASES, cells.split("|"), strict=True)
    }


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", TYPES)
def test_a_message_ends_as_documented(kind, case, httpserver, lines):
    if case in ("down", "half"):
        found = broken(kind, case, lines)
    elif kind in ANSWERS:
        found = over_http(kind, case, httpserver)
    elif kind == "email":
        found = over_smtp(case, lines)
    elif kind == "rabbitmq":
        found = over_amqp(case, lines)
    else:
        found = over_kafka(case)

    assert documented()[(kind, case)] == found
