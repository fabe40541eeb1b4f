"""RabbitMQ: what is confirmed is in a durable queue; everything else is told for what it is."""

import json
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import pika
import pytest

from shipment_tracking.channels.rabbitmq import RabbitMQ
from shipment_tracking.channels.registry import destinations
from shipment_tracking.errors import ConnectionFieldError, DeliveryError, ReceiverClosedError

pytestmark = pytest.mark.server

EVENT = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
BODY = {"event_id": str(EVENT), "text": "快件已签收"}
URL = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")


@pytest.fixture(scope="module")
def broker() -> Iterator[Any]:
    """A channel of the machine's broker, to declare queues and look into them."""
    try:
        connection = pika.BlockingConnection(pika.URLParameters(URL))
    except pika.exceptions.AMQPConnectionError:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("a RabbitMQ server is needed")
    yield connection.channel()
    connection.close()


@pytest.fixture
def queue(broker: Any) -> Iterator[Callable[..., str]]:
    """Declares a durable queue with these arguments; returns its name."""
    names: list[str] = []

    def declare(**arguments: Any) -> str:
        names.append(f"shipment-tracking-test-{uuid4()}")
        broker.queue_declare(names[-1], durable=True, arguments=arguments)
        return names[-1]

    yield declare
    for name in names:
        broker.queue_delete(name)


def refused(**changes: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        RabbitMQ(**{"url": URL, "routing_key": "nowhere"} | changes).send(EVENT, BODY)
    return caught.value


def test_a_message_is_durable_and_says_all(broker, queue):
    name = queue()

    RabbitMQ(URL, name).send(EVENT, BODY)

    _, properties, content = broker.basic_get(name, auto_ack=True)
    assert json.loads(content) == BODY
    assert properties.message_id == str(EVENT)
    assert properties.content_type == "application/json"
    assert properties.delivery_mode == 2


def test_an_exchange_routes_it(broker, queue):
    name, exchange = queue(), f"shipment-tracking-test-{uuid4()}"
    broker.exchange_declare(exchange, "direct", auto_delete=True)
    broker.queue_bind(name, exchange, "signed")

    RabbitMQ(URL, "signed", exchange).send(EVENT, BODY)

    assert broker.basic_get(name, auto_ack=True)[2]


def test_a_message_that_no_queue_takes_is_tried_again(broker):
    error = refused(routing_key=f"none-{uuid4()}")

    assert str(error) == "no queue takes this routing key"
    assert not error.permanent


def test_a_message_that_a_queue_rejects_is_tried_again(broker, queue):
    name = queue(**{"x-max-length": 1, "x-overflow": "reject-publish"})
    RabbitMQ(URL, name).send(EVENT, BODY)

    error = refused(routing_key=name)

    assert str(error) == "the queue is full"
    assert not error.permanent


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exchange": "no-such-exchange"}, "404 (NOT_FOUND - no exchange 'no-such-exchange'"),
        ({"url": URL.replace("guest:guest", "guest:HIDDEN-password")}, "403 ("),
        ({"url": URL.replace("%2F", "no-such-vhost")}, "530 ("),
    ],
)
def test_what_a_person_must_correct_closes_the_channel(broker, changes, said):
    error = refused(**changes)

    assert isinstance(error, ReceiverClosedError)
    assert str(error).startswith(f"the receiver answers {said}")
    assert "HIDDEN" not in str(error)


def test_an_exchange_that_is_forbidden_closes_the_channel(broker):
    exchange = f"shipment-tracking-test-{uuid4()}"
    broker.exchange_declare(exchange, "direct", auto_delete=True, internal=True)

    error = refused(exchange=exchange)
    broker.exchange_delete(exchange)

    assert isinstance(error, ReceiverClosedError)
    assert str(error).startswith("the receiver answers 403 (ACCESS_REFUSED")


def test_a_broker_that_is_down_is_tried_again():
    error = refused(url="amqp://guest:guest@127.0.0.1:1/")

    assert str(error).startswith("no connection (")
    assert not error.permanent


@contextmanager
def server(said: bytes, *, stays: bool) -> Iterator[str]:
    """The address of one that says this to whoever connects, and is gone or silent then."""
    over = threading.Event()

    def talk() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(said)
            if stays:
                over.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk)
        thread.start()
        yield f"amqp://guest:guest@127.0.0.1:{listener.getsockname()[1]}/"
        over.set()
        thread.join()


ACK = b"\x00\x3c\x00\x50"  # class and method of a confirmation


def relay(client: socket.socket, broker: socket.socket) -> None:
    """Pass bytes on until the broker confirms a message; the client does not get to know."""
    while True:
        for source in select.select([client, broker], [], [], 10)[0]:
            content = source.recv(100_000)
            if not content or (source is broker and ACK in content):
                return
            (broker if source is client else client).sendall(content)


def test_a_cut_before_the_confirmation_gives_a_repeat(broker, queue):
    name = queue()
    where = urlsplit(URL)

    def serve() -> None:
        client, _ = listener.accept()
        with client, socket.create_connection((where.hostname, where.port or 5672)) as server:
            relay(client, server)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        cut = where._replace(netloc=f"guest:guest@127.0.0.1:{listener.getsockname()[1]}")
        error = refused(url=urlunsplit(cut), routing_key=name)
        thread.join()
    RabbitMQ(URL, name).send(EVENT, BODY)

    assert str(error).startswith("no connection (")
    assert not error.permanent
    taken = [broker.basic_get(name, auto_ack=True) for _ in range(3)]
    assert [each[1] and each[1].message_id for each in taken] == [str(EVENT), str(EVENT), None]


@pytest.mark.parametrize(
    "said", [b"", b"AMQP", b"\x01\x00\x00\x00\x00\x00", b"HTTP/1.1 400 \r\n\r\n"]
)
def test_half_an_answer_is_none(said):
    with server(said, stays=False) as url:
        assert not refused(url=url).permanent


def test_a_broker_that_says_nothing_is_waited_for_no_longer_than_told():
    with server(b"", stays=True) as url:
        assert not refused(url=url, timeout=0.2).permanent


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "http://host/"}, "url is not an address such as amqps://login:password@host"),
        ({"url": "amqps://HIDDEN@host:99999/"}, "url is not an address"),
        ({"routing_key": ""}, "routing_key is missing; it must be the name of a queue"),
        ({"exchange": 7}, "exchange is 7; it must be a text"),
    ],
)
def test_a_broken_field_is_named(changes, said):
    fields = {"type": "rabbitmq", "url": URL, "routing_key": "shipments"}
    with pytest.raises(ConnectionFieldError, match="channel rabbitmq: ") as caught:
        destinations("ops", [fields | changes])

    assert said in str(caught.value)
    assert "HIDDEN" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "is_allowed"), [("amqp://host/", False), ("amqps://host/", True), (URL, True)]
)
def test_customers_contacts_travel_encrypted_or_not_at_all(url, is_allowed):
    listed = [{"type": "rabbitmq", "url": url, "routing_key": "shipments"}]
    if is_allowed:
        assert destinations("customers", listed)
        return
    with pytest.raises(ConnectionFieldError, match="url must be amqps"):
        destinations("customers", listed)
