"""A webhook posts a signed message; only a 2xx answer counts, and nothing secret is ever told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest

from sandbox.receiver import Receiver
from shipment_tracking.channels.transport import LONGEST_WAIT
from shipment_tracking.channels.webhook import Webhook
from shipment_tracking.errors import DeliveryError, ReceiverClosedError

EVENT = UUID("6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11")
BODY = {"event_id": str(EVENT), "text": "快件已签收"}


@pytest.fixture
def webhook(receiver: Receiver) -> Webhook:
    return Webhook(receiver.url("ops"), receiver.secret("ops"))


@pytest.fixture
def failing(receiver: Receiver, webhook: Webhook) -> Callable[..., DeliveryError]:
    """The error of a message to an endpoint that is down."""

    def send(mode: str = "status", **changes: object) -> DeliveryError:
        receiver.go_down("ops", mode, **changes)
        with pytest.raises(DeliveryError) as caught:
            webhook.send(EVENT, BODY)
        return caught.value

    return send


def test_a_strict_receiver_takes_the_message_as_it_is(receiver, webhook):
    webhook.send(EVENT, BODY)

    (delivery,) = receiver.deliveries("ops")
    assert delivery.event_id == str(EVENT)
    assert delivery.body == BODY
    assert receiver.refusals() == []


def test_a_wrong_secret_is_refused_by_the_receiver(receiver):
    with pytest.raises(DeliveryError, match="HTTP 401"):
        Webhook(receiver.url("ops"), "another").send(EVENT, BODY)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_counts_as_taken(status, receiver, webhook):
    receiver.go_down("ops", status=status)

    webhook.send(EVENT, BODY)


@pytest.mark.parametrize("status", [304, 400, 404, 429, 500, 503])
def test_nothing_else_counts_as_taken(status, failing):
    assert str(failing(status=status)).startswith(f"HTTP {status}")


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_receiver_that_never_takes_it_is_closed(status, failing):
    error = failing(status=status)

    assert isinstance(error, ReceiverClosedError)
    assert error.permanent
    assert str(error).endswith("; not tried again")


@pytest.mark.parametrize("status", [400, 408, 413, 429, 500, 503])
def test_what_may_pass_is_not_permanent(status, failing):
    assert not failing(status=status).permanent


def test_redirects_are_not_followed(receiver, failing):
    error = failing(status=307, headers={"Location": receiver.url("phone")})

    assert str(error) == "HTTP 307: redirects are not followed"
    assert receiver.deliveries() == []


def test_a_dropped_connection_is_told_without_the_address(failing):
    assert str(failing("reset")) == "no connection (ConnectionError)"


def test_no_answer_is_waited_for_longer_than_told(receiver):
    receiver.go_down("ops", "hang", seconds=60)

    with pytest.raises(DeliveryError, match=r"^no answer in time$"):
        Webhook(receiver.url("ops"), "x", timeout=(1, 0.05)).send(EVENT, BODY)


@pytest.mark.server
def test_nobody_listening_is_told_without_the_address():
    with pytest.raises(DeliveryError) as caught:
        Webhook("http://127.0.0.1:1/hooks/HIDDEN-token", "x").send(EVENT, BODY)

    assert str(caught.value) == "no connection (ConnectionError)"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_neither_address_nor_secret_is_shown():
    assert "HIDDEN" not in repr(Webhook("https://hooks.example/HIDDEN", "HIDDEN"))


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("120", 120), ("99999999999", LONGEST_WAIT), ("soon", 0), ("-5", 0), ("", 0)],
)
def test_the_wait_a_receiver_asks_for_is_told_in_seconds(retry_after, seconds, failing):
    assert failing(headers={"Retry-After": retry_after}).retry_after == seconds


def test_the_wait_may_be_a_date(failing):
    until = datetime.now(UTC) + timedelta(hours=1)

    asked = failing(headers={"Retry-After": format_datetime(until, usegmt=True)}).retry_after

    assert asked == pytest.approx(3600, abs=60)


def test_a_date_that_is_past_asks_for_no_wait(failing):
    past = format_datetime(datetime(2026, 1, 1, tzinfo=UTC), usegmt=True)

    assert failing(headers={"Retry-After": past}).retry_after == 0
