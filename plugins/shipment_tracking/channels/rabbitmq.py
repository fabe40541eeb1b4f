"""Publishes a durable JSON message to RabbitMQ; the broker's confirmation counts as taken."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo

from shipment_tracking.channels.fields import (
    AUDIENCE,
    ChannelFields,
    Text,
    need_library,
    own_sentence,
)
from shipment_tracking.channels.port import CUSTOMERS, Limits, fingerprint
from shipment_tracking.channels.refusals import UNKNOWN, Meaning, Refusal, hide
from shipment_tracking.domain.hosts import is_loopback
from shipment_tracking.errors import DeliveryError

if TYPE_CHECKING:
    import pika
    from pika.channel import Channel
    from pika.frame import Method
    from pika.spec import Basic, BasicProperties

TIMEOUT = 10.0  # seconds for the whole conversation
FAREWELL = 1.0  # seconds to part politely
LIMITS = Limits(at_once=4)
REFUSALS = {
    403: Refusal(Meaning.CLOSED, "correct login and password in url, or the user's permissions"),
    404: Refusal(Meaning.CLOSED, "declare the exchange, or correct exchange"),
    406: Refusal(Meaning.PERMANENT),
    530: Refusal(Meaning.CLOSED, "correct the virtual host in url, or the user's permissions"),
}


@dataclass(frozen=True, slots=True)
class RabbitMQ:
    """
    An exchange and a routing key; whoever consumes declares them and the durable queue.

    :param url: the broker with login and password; never shown.
    :param timeout: seconds for one message, from the connection to the confirmation.
    """

    url: str = field(repr=False)
    routing_key: str
    exchange: str = ""
    timeout: float = TIMEOUT
    limits: Limits = LIMITS

    @property
    def identity(self) -> str:
        """The broker's exchange and key, without its address."""
        return f"rabbitmq {fingerprint(self.url, self.exchange, self.routing_key)}"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Publish one message that a queue must take.

        :raises DeliveryError: the broker does not confirm that a queue has it.
        """
        import pika

        parameters = pika.URLParameters(self.url)
        parameters.connection_attempts = 1
        parameters.socket_timeout = parameters.stack_timeout = self.timeout
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=pika.DeliveryMode.Persistent,
            message_id=str(event_id),
        )
        content = json.dumps(body, ensure_ascii=False).encode()
        outcome = _Publication(self, properties, content).run(parameters)
        if outcome is not None:
            raise outcome


class _Publication:
    """One message on a connection of its own; the callbacks come in the order they stand here."""

    def __init__(self, target: RabbitMQ, properties: "BasicProperties", content: bytes) -> None:
        self._target = target
        self._properties = properties
        self._content = content
        self._outcome: DeliveryError | None = DeliveryError("no answer in time")
        self._is_over = False
        self._connection: pika.SelectConnection

    def run(self, parameters: "pika.URLParameters") -> DeliveryError | None:
        """Publish and part; returns why the message may not be in a queue, if so."""
        import pika

        # It logs each failure itself, with its traceback and the broker's address.
        logging.getLogger("pika").setLevel(logging.CRITICAL)
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=self._opened,
            on_open_error_callback=self._failed,
            on_close_callback=self._failed,
        )
        loop = self._connection.ioloop
        loop.call_later(self._target.timeout, self._part)
        loop.start()
        loop.close()
        return self._outcome

    def _opened(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._channel_opened)

    def _channel_opened(self, channel: "Channel") -> None:
        channel.add_on_close_callback(self._failed)
        channel.add_on_return_callback(self._returned)
        channel.confirm_delivery(self._confirmed, callback=lambda _: self._publish(channel))

    def _publish(self, channel: "Channel") -> None:
        channel.basic_publish(
            self._target.exchange,
            self._target.routing_key,
            self._content,
            self._properties,
            mandatory=True,
        )

    def _returned(self, channel: Any, method: "Basic.Return", *message: Any) -> None:
        # Its confirmation follows.
        self._end(DeliveryError("no queue takes this routing key"))

    def _confirmed(self, frame: "Method[Any]") -> None:
        is_taken = type(frame.method).__name__ == "Ack"
        self._end(None if is_taken else DeliveryError("the queue is full"))

    def _failed(self, origin: Any, error: BaseException) -> None:
        """The connection or the channel could not be opened, or was closed."""
        if not self._is_over:
            self._end(_error(error, self._target.url))
        if self._connection.is_closed:
            self._connection.ioloop.stop()

    def _end(self, outcome: DeliveryError | None) -> None:
        if not self._is_over:
            self._outcome = outcome
            self._part()

    def _part(self) -> None:
        """Close the connection; its callback ends the loop, or the time for that does."""
        self._is_over = True
        if self._connection.is_open:
            self._connection.close()
        self._connection.ioloop.call_later(FAREWELL, self._connection.ioloop.stop)


def _error(error: BaseException, url: str) -> DeliveryError:
    """What pika's error means; an error of the connection may hide one of the broker."""
    from pika.exceptions import (
        ChannelClosedByBroker,
        ConnectionClosedByBroker,
        ProbableAccessDeniedError,
        ProbableAuthenticationError,
    )

    causes = [error, *getattr(error, "args", ()), *getattr(error, "exceptions", ())]
    for cause in causes:
        if isinstance(cause, ChannelClosedByBroker | ConnectionClosedByBroker):
            said = hide(f"{cause.reply_code} ({cause.reply_text})", url, *_login(url))
            return REFUSALS.get(cause.reply_code, UNKNOWN).error(said)
        if isinstance(cause, ProbableAuthenticationError):
            return REFUSALS[403].error("403 (the login is refused)")
        if isinstance(cause, ProbableAccessDeniedError):
            return REFUSALS[530].error("530 (the virtual host is refused)")
    return DeliveryError(f"no connection ({type(error).__name__})")


def _login(url: str) -> list[str]:
    parts = urlsplit(url)
    return [part for part in (parts.username, parts.password) if part]


def _broker(url: SecretStr, info: ValidationInfo) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname or parts.port == 0:
        raise ValueError
    is_safe = parts.scheme == "amqps" or is_loopback(parts.hostname)
    if info.context and info.context[AUDIENCE] == CUSTOMERS and not is_safe:
        raise own_sentence("url must be amqps, since messages to customers hold their phones")
    return url


class RabbitMQFields(ChannelFields):
    """A broker, and where its messages go."""

    for_customers: ClassVar[bool] = True

    url: Annotated[
        SecretStr,
        AfterValidator(_broker),
        Field(description="an address such as amqps://login:password@host:5671/vhost"),
    ]
    routing_key: Text = Field(
        description="the name of a queue, or a key that a queue is bound with"
    )
    exchange: str = Field("", description="a text")

    def open(self) -> RabbitMQ:
        """The channel; nothing is connected yet."""
        need_library("pika", extra="rabbitmq")
        return RabbitMQ(self.url.get_secret_value(), self.routing_key, self.exchange)
