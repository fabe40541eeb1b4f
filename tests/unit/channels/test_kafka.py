"""Kafka: what all replicas have is sent; each of the library's codes has its meaning."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from shipment_tracking.channels.kafka import REFUSALS, Kafka
from shipment_tracking.channels.refusals import Meaning
from shipment_tracking.channels.registry import destinations
from shipment_tracking.errors import ConnectionFieldError, DeliveryError, ReceiverClosedError

pytestmark = pytest.mark.server

EVENT = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
BODY = {"event_id": str(EVENT), "text": "快件已签收", "account": "a1", "consignment_id": "LP1"}


def mock_cluster(**settings: Any) -> tuple[Producer, str]:
    """A cluster of three brokers inside the library, and its addresses; it lives as its owner."""
    owner = Producer({"test.mock.num.brokers": 3, "log_level": 0} | settings)
    brokers = owner.list_topics(timeout=10).brokers.values()
    return owner, ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    owner, addresses = mock_cluster()
    yield addresses
    owner.flush(1)


@pytest.fixture
def read(servers: str) -> Callable[[str, int], list[Any]]:
    """So many messages of a topic; a group of readers would be waited for."""

    def consume(topic: str, number: int) -> list[Any]:
        consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": str(uuid4()), "log_level": 0}
        )
        found_in = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for part in found_in])
        found: list[Any] = []
        for _ in range(100):
            found += consumer.consume(number - len(found), timeout=0.3)
            if len(found) >= number:
                break
        consumer.close()
        return found

    return consume


def refused(servers: str, **changes: Any) -> DeliveryError:
    channel = Kafka(**{"servers": servers, "topic": "t", "security": "none"} | changes)
    with pytest.raises(DeliveryError) as caught:
        channel.send(EVENT, BODY)
    return caught.value


def test_a_message_says_all_and_a_parcel_has_one_key(servers, read):
    Kafka(servers, "shipments", "none").send(EVENT, BODY)

    (message,) = read("shipments", 1)
    assert json.loads(message.value()) == BODY
    assert message.key() == b"a1/LP1"
    assert message.headers() == [("event_id", str(EVENT).encode())]


def test_many_threads_send_at_once(servers, read):
    channel = Kafka(servers, "busy", "none")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: channel.send(EVENT, BODY | {"number": number}), range(50)))

    numbers = {json.loads(message.value())["number"] for message in read("busy", 50)}
    assert numbers == set(range(50))


def test_a_message_that_is_too_large_is_dead_at_once(servers):
    channel = Kafka(servers, "t", "none")

    with pytest.raises(DeliveryError, match="MSG_SIZE_TOO_LARGE") as caught:
        channel.send(EVENT, BODY | {"text": "x" * 2_000_000})

    assert caught.value.permanent
    assert not isinstance(caught.value, ReceiverClosedError)


@pytest.mark.parametrize("name", [*REFUSALS, "_TRANSPORT", "NOT_ENOUGH_REPLICAS", "THROTTLING"])
def test_each_code_means_what_the_table_says(name):
    codes = {
        "THROTTLING": "THROTTLING_QUOTA_EXCEEDED",
        "_AUTHENTICATION": "_AUTHENTICATION",
    }
    code = getattr(KafkaError, codes.get(name, name))

    error = Kafka("h:1", "t", password="HIDDEN-password")._refused(
        KafkaError(code, "no HIDDEN-password")
    )

    meaning = REFUSALS[name].meaning if name in REFUSALS else Meaning.TRANSIENT
    assert isinstance(error, ReceiverClosedError) is (meaning == Meaning.CLOSED)
    assert error.permanent is (meaning != Meaning.TRANSIENT)
    assert "(no *)" in str(error)


def test_a_refused_login_is_found_behind_a_message_that_ran_out_of_time():
    channel = Kafka("h:1", "t")
    channel._troubles.append(KafkaError(KafkaError._AUTHENTICATION, "bad login"))

    error = channel._refused(KafkaError(KafkaError._MSG_TIMED_OUT))

    assert isinstance(error, ReceiverClosedError)
    assert "bad login" in str(error)


def test_a_cluster_that_is_down_is_tried_again():
    error = refused("127.0.0.1:1", timeout=0.5)

    assert str(error) == "no answer in time"
    assert not error.permanent


def test_a_slow_cluster_is_waited_for_no_longer_than_told():
    owner, servers = mock_cluster(**{"test.mock.broker.rtt": 400})

    error = refused(servers, timeout=0.3)

    assert str(error) == "no answer in time"
    owner.flush(0)


def test_half_an_answer_is_none():
    over = threading.Event()

    def talk() -> None:
        listener.settimeout(0.1)
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.recv(1000)
                connection.sendall(b"\x00\x00\x00\x40\x00\x00")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk)
        thread.start()
        error = refused(f"127.0.0.1:{listener.getsockname()[1]}", timeout=0.5)
        over.set()
        thread.join()

    assert not error.permanent


FIELDS = {"type": "kafka", "servers": "kafka.example:9093", "topic": "shipments"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"servers": ""},
            "servers is missing; it must be hosts with their ports such as kafka1:9093",
        ),
        ({"topic": None}, "topic is missing; it must be the name of a topic"),
        ({"security": "ssl"}, "security is 'ssl'; it must be one of tls, none"),
        ({"mechanism": "MD5"}, "mechanism is 'MD5'; it must be one of PLAIN, SCRAM"),
        ({"password": "HIDDEN"}, "password is set without login"),
    ],
)
def test_a_broken_field_is_named(changes, said):
    with pytest.raises(ConnectionFieldError, match="channel kafka: ") as caught:
        destinations("ops", [FIELDS | changes])

    assert said in str(caught.value)
    assert "HIDDEN" not in str(caught.value)


def test_customers_contacts_travel_encrypted_or_not_at_all():
    assert destinations("customers", [FIELDS])

    with pytest.raises(ConnectionFieldError, match="security must be tls"):
        destinations("customers", [FIELDS | {"security": "none"}])
