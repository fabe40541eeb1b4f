"""Apprise: a service that refuses is told from one that takes, and no token is ever shown."""

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from shipment_tracking.channels.notifier import REFUSALS, SILENT, Notifier
from shipment_tracking.channels.refusals import Meaning
from shipment_tracking.channels.registry import destinations
from shipment_tracking.errors import (
    ConnectionFieldError,
    DeliveryError,
    RateLimitedError,
    ReceiverClosedError,
)

pytestmark = pytest.mark.server

EVENT = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
TEXT = "快件已签收"
TOKEN = "HIDDEN-token"


@pytest.fixture
def channel(httpserver: HTTPServer) -> Callable[..., Notifier]:
    """A channel to the test's server by Apprise's plainest service."""

    def make(**changes: Any) -> Notifier:
        url = httpserver.url_for(f"/{TOKEN}").replace("http://", "json://")
        return Notifier(url, **changes)

    return make


@pytest.fixture
def answering(httpserver: HTTPServer, channel: Callable[..., Notifier]) -> Callable[..., Any]:
    """The error of a message that is answered so."""

    def send(status: int, body: str = "", **headers: str) -> DeliveryError:
        httpserver.expect_request(f"/{TOKEN}").respond_with_data(body, status, headers)
        with pytest.raises(DeliveryError) as caught:
            channel().send(EVENT, {"text": TEXT})
        assert TOKEN not in str(caught.value)
        return caught.value

    return send


def test_a_text_is_sent(httpserver, channel):
    httpserver.expect_request(f"/{TOKEN}", method="POST").respond_with_data("taken")

    channel().send(EVENT, {"text": TEXT})

    (request, _) = httpserver.log[0]
    assert request.get_json()["message"] == TEXT


def test_a_service_that_reads_html_gets_a_text_escaped(httpserver):
    httpserver.expect_request(f"/{TOKEN}").respond_with_data("taken")
    url = httpserver.url_for(f"/{TOKEN}").replace("http://", "json://") + "?format=html"

    Notifier(url).send(EVENT, {"text": "称重<25%\n已签收"})

    (request, _) = httpserver.log[0]
    assert "称重&lt;25%" in request.get_json()["message"]


def test_two_messages_are_sent_without_a_pause_of_the_library(httpserver, channel):
    httpserver.expect_request(f"/{TOKEN}").respond_with_data("taken")
    opened = channel(timeout=5)

    opened.send(EVENT, {"text": TEXT})
    opened.send(EVENT, {"text": TEXT})

    assert len(httpserver.log) == 2


@pytest.mark.parametrize("status", [*REFUSALS, 302, 500, 502, 503])
def test_each_status_means_what_the_table_says(status, answering):
    error = answering(status)

    meaning = REFUSALS[status].meaning if status in REFUSALS else Meaning.TRANSIENT
    assert isinstance(error, ReceiverClosedError) is (meaning == Meaning.CLOSED)
    assert isinstance(error, RateLimitedError) is (meaning == Meaning.LIMITED)
    assert error.permanent is (meaning in (Meaning.CLOSED, Meaning.PERMANENT))
    assert str(error).startswith(f"the receiver answers HTTP {status}")


def test_half_an_answer_is_none():
    def talk() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 20")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(DeliveryError, match=r"^no connection \(Apprise\)$"):
            Notifier(f"json://127.0.0.1:{listener.getsockname()[1]}/").send(EVENT, {"text": TEXT})
        thread.join()


def test_a_service_that_is_slow_is_waited_for_no_longer_than_told(httpserver, channel):
    over = threading.Event()
    httpserver.expect_request(f"/{TOKEN}").respond_with_handler(
        lambda request: Response(str(over.wait(30)))
    )

    with pytest.raises(DeliveryError, match=r"^no answer in time$"):
        channel(timeout=0.1).send(EVENT, {"text": TEXT})
    over.set()


def test_a_service_that_is_down_is_told_without_its_address():
    with pytest.raises(DeliveryError, match=r"^no connection \(Apprise\)$"):
        Notifier(f"json://127.0.0.1:1/{TOKEN}").send(EVENT, {"text": TEXT})


def test_a_services_own_address_is_known():
    url = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"

    assert destinations("ops", [{"type": "apprise", "url": url}])


def test_the_limits_are_those_of_the_service():
    listed = {"type": "apprise", "url": "discord://1234/HIDDEN-token", "per_minute": 30}
    (destination,) = destinations("ops", [listed])

    limits = destination.channel.limits
    assert (limits.per_minute, limits.longest_text) == (30, 2000)


@pytest.mark.parametrize(
    "url",
    ["dingtalk://token", "wecombot://key", "feishu://tok", "lark://t", "schan://t", "pushdeer://k"],
)
def test_a_service_whose_refusals_nobody_sees_is_refused(url):
    with pytest.raises(ConnectionFieldError) as caught:
        destinations("ops", [{"type": "apprise", "url": url}])

    assert "channel apprise: Apprise does not see what this service refuses" in str(caught.value)
    assert str(caught.value).endswith(tuple(SILENT.values()))


@pytest.mark.parametrize("url", ["HIDDEN", "pigeon://HIDDEN", "slack://HIDDEN", "https://"])
def test_an_address_that_apprise_does_not_know_is_refused_without_being_shown(url):
    with pytest.raises(ConnectionFieldError, match="url is not an address that Apprise") as caught:
        destinations("ops", [{"type": "apprise", "url": url}])

    assert "HIDDEN" not in str(caught.value)


def test_a_status_is_known_whatever_the_logging_configuration(answering, monkeypatch):
    monkeypatch.setattr(logging.getLogger("apprise"), "disabled", True)
    monkeypatch.setattr(logging.root, "level", logging.ERROR)

    assert str(answering(503)).startswith("the receiver answers HTTP 503")
