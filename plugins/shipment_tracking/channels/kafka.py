"""Produces a JSON message to a Kafka topic; all in-sync replicas must have it."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from shipment_tracking.channels.fields import (
    AUDIENCE,
    ChannelFields,
    OptionalSecret,
    Text,
    need_both,
    need_library,
    own_sentence,
)
from shipment_tracking.channels.port import CUSTOMERS, Limits, fingerprint
from shipment_tracking.channels.refusals import Meaning, Refusal, hide
from shipment_tracking.domain.hosts import is_host
from shipment_tracking.errors import DeliveryError

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

TIMEOUT = 10.0  # seconds for one message, all tries of the library included
POLL = 0.05  # seconds
LIMITS = Limits(at_once=8)
_CREDENTIALS = Refusal(Meaning.CLOSED, "correct login, password, mechanism or the user's rights")
_TOPIC = Refusal(Meaning.CLOSED, "create the topic, or correct topic")
REFUSALS = {
    "MSG_SIZE_TOO_LARGE": Refusal(Meaning.PERMANENT),
    "INVALID_MSG": Refusal(Meaning.PERMANENT),
    "INVALID_RECORD": Refusal(Meaning.PERMANENT),
    "TOPIC_EXCEPTION": _TOPIC,
    "UNKNOWN_TOPIC_OR_PART": _TOPIC,
    "_UNKNOWN_TOPIC": _TOPIC,
    "TOPIC_AUTHORIZATION_FAILED": _CREDENTIALS,
    "CLUSTER_AUTHORIZATION_FAILED": _CREDENTIALS,
    "SASL_AUTHENTICATION_FAILED": _CREDENTIALS,
    "UNSUPPORTED_SASL_MECHANISM": _CREDENTIALS,
    "_AUTHENTICATION": _CREDENTIALS,
}
"""By the library's names of the codes; any other is tried again."""

UNKNOWN = Refusal(Meaning.TRANSIENT)


@dataclass(frozen=True)
class Kafka:
    """
    A topic.

    :param servers: ``host:port``, comma-separated.
    :param security: ``tls`` or ``none``.
    :param timeout: seconds for one message.
    """

    servers: str
    topic: str
    security: str = "tls"
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    mechanism: str = "PLAIN"
    timeout: float = TIMEOUT
    limits: Limits = LIMITS
    _troubles: list["KafkaError"] = field(default_factory=list, repr=False, compare=False)

    @property
    def identity(self) -> str:
        """The topic of the cluster."""
        return f"kafka {fingerprint(self.servers, self.topic)}"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Produce one message; those of a parcel have one key, so they stay in order.

        :raises DeliveryError: the cluster does not say that all its replicas have it.
        """
        from confluent_kafka import KafkaException

        outcome = _Outcome()
        parcel = [body.get("account"), body.get("consignment_id")]
        try:
            self._producer.produce(
                self.topic,
                json.dumps(body, ensure_ascii=False).encode(),
                key="/".join(map(str, parcel)).encode() if all(parcel) else None,
                headers={"event_id": str(event_id).encode()},
                on_delivery=outcome.note,
            )
        except BufferError:
            raise DeliveryError("the library's queue is full") from None
        except KafkaException as error:
            raise self._refused(error.args[0]) from None
        until = time.monotonic() + self.timeout + 1
        while not outcome.is_known.is_set() and time.monotonic() < until:
            self._producer.poll(POLL)
        if not outcome.is_known.is_set():
            raise DeliveryError("no answer in time")
        if outcome.error is not None:
            raise self._refused(outcome.error)

    @cached_property
    def _producer(self) -> "Producer":
        from confluent_kafka import Producer

        milliseconds = int(self.timeout * 1000)
        protocol = (
            f"{'SASL_' if self.login else ''}{'SSL' if self.security == 'tls' else 'PLAINTEXT'}"
        )
        settings: dict[str, Any] = {
            "bootstrap.servers": self.servers,
            "client.id": "shipment-tracking",
            "security.protocol": protocol,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 0,
            "message.timeout.ms": milliseconds,
            "socket.timeout.ms": milliseconds,
            "log_level": 0,
            "error_cb": self._troubles.append,
        }
        if self.login:
            settings |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.login,
                "sasl.password": self.password or "",
            }
        return Producer(settings)

    def _refused(self, error: "KafkaError") -> DeliveryError:
        """What an error means; a message that ran out of time met the connection's troubles."""
        from confluent_kafka import KafkaError

        if error.code() == KafkaError._MSG_TIMED_OUT:
            closing = (each for each in self._troubles if each.name() in REFUSALS)
            found = next(closing, None)
            if found is None:
                return DeliveryError("no answer in time")
            error = found
        said = hide(f"{error.name()} ({error.str()})", self.password or "")
        return REFUSALS.get(error.name(), UNKNOWN).error(said)


class _Outcome:
    """What became of one message; the library calls ``note`` in whatever thread polls it."""

    def __init__(self) -> None:
        self.is_known = Event()
        self.error: KafkaError | None = None

    def note(self, error: "KafkaError | None", message: "Message") -> None:
        """Remember the outcome."""
        self.error = error
        self.is_known.set()


def _servers(servers: str) -> str:
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        is_port = re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 2**16
        if not (is_port and is_host(host.removeprefix("[").removesuffix("]"))):
            raise ValueError
    return servers


def _topic(topic: str) -> str:
    if not re.fullmatch("[A-Za-z0-9._-]{1,249}", topic):
        raise ValueError
    return topic


class KafkaFields(ChannelFields):
    """A cluster and a topic of it."""

    for_customers: ClassVar[bool] = True

    servers: Annotated[
        str,
        AfterValidator(_servers),
        Field(description="hosts with their ports such as kafka1:9093,kafka2:9093"),
    ]
    topic: Annotated[
        str,
        AfterValidator(_topic),
        Field(description="the name of a topic: letters, digits, dots, _ and -"),
    ]
    security: Literal["tls", "none"] = Field("tls", description="one of tls, none")
    login: Text | None = Field(None, description="a text")
    password: OptionalSecret = None
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"
    )

    @field_validator("security")
    @classmethod
    def _encrypts(cls, security: str, info: ValidationInfo) -> str:
        if security == "none" and info.context and info.context[AUDIENCE] == CUSTOMERS:
            raise own_sentence(
                "security must be tls, since messages to customers hold their phones"
            )
        return security

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        need_both(self.login, self.password)
        return self

    def open(self) -> Kafka:
        """The channel; nothing is connected yet."""
        need_library("confluent_kafka", extra="kafka")
        return Kafka(
            self.servers,
            self.topic,
            self.security,
            self.login,
            self.password.get_secret_value() if self.password else None,
            self.mechanism,
        )
