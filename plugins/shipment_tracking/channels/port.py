"""What a kind of channel must be able to do and say of itself, and who is notified by which."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import ConnectionFieldError

OPS = "ops"
CUSTOMERS = "customers"
SHANGHAI = ZoneInfo("Asia/Shanghai")
LANGUAGES = ("zh", "en")
TEXT = "text"
SHORT = "short"
MARKDOWN = "markdown"
MEDIA = (TEXT, SHORT, MARKDOWN)
"""In which form a receiver wants a text: plain, a field of 20 characters, or Markdown."""

DELAYED = "delayed"
STALLED = "stalled"
ALERT = "alert"
STATUSES = (*map(str, Status), DELAYED, STALLED, ALERT)
"""What a channel may want to hear of."""


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What one receiver takes.

    :param at_once: messages under way at the same time; of one parcel there is never more than one.
    :param per_minute: messages in any minute, over all tasks and connections; None: any number.
    :param longest_text: bytes within a JSON message; a longer text is cut. None: any length.
    :param most_items: alarms, or parcels of a digest, that one message lists. None: any number.
    :param medium: one of ``MEDIA``: the form in which it gets ``text``.
    :param line_end: what ends a line of ``text`` for this receiver.
    :param takes_html: it takes ``html`` beside ``text``, where a message has it.
    """

    at_once: int = 1
    per_minute: int | None = None
    longest_text: int | None = None
    most_items: int | None = None
    medium: str = TEXT
    line_end: str = "\n"
    takes_html: bool = False

    def hold(self, text: str) -> bool:
        """Whether a text fits into one message whole."""
        longest = self.longest_text
        return longest is None or json_size(text.replace("\n", self.line_end)) <= longest


class Channel(Protocol):
    """What every kind of channel can do; it is used by many threads at once."""

    @property
    def limits(self) -> Limits:
        """What its receiver takes."""

    @property
    def identity(self) -> str:
        """The receiver, without a secret; channels of the same one share its rate."""

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Send one message; when this returns, the receiver has it.

        :raises DeliveryError: it may not have it.
        """


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a receiver accepts calls with until ``expires_at`` (aware)."""

    value: str = field(repr=False)
    expires_at: datetime


class Login(Protocol):
    """An app at a receiver that gives access tokens for its secret."""

    @property
    def name(self) -> str:
        """The app, without a secret."""

    @property
    def key(self) -> str:
        """A digest of the app and its secret: another secret has other tokens."""

    def fetch(self) -> AccessToken:
        """
        A valid token.

        :raises DeliveryError: the receiver gives none.
        """


class AccessTokens(Protocol):
    """The port: access tokens, each fetched once for everybody who uses it."""

    def get(self, login: Login, *, refused: str = "") -> str:
        """
        The login's token.

        :param refused: a token that the receiver no longer accepts; another one is returned, or
            the same if the receiver gives that again.
        :raises DeliveryError: there is none.
        """


@dataclass(frozen=True, slots=True)
class Destination:
    """
    One channel of one audience.

    :param audience: ``ops``, ``customers``, or an account, which is notified of its own parcels.
    :param channel_name: unique within the audience.
    :param statuses: the statuses it wants to hear of, ``delayed`` for parcels later than expected,
        ``stalled`` for alarms, and ``alert`` for the pipeline's own troubles; None: all, but
        ``delayed`` for ops only.
    :param quiet_hours: from and to, times of day in Shanghai; nothing is sent between them.
    :param digest: many changes share a message; else each has one of its own.
    :param most_per_parcel: messages about one parcel, but for its signature; None: any number.
    :param report: it gets the daily report.
    """

    audience: str
    channel_name: str
    channel: Channel
    language: str = LANGUAGES[0]
    statuses: tuple[str, ...] | None = None
    quiet_hours: tuple[time, time] | None = None
    digest: bool = False
    most_per_parcel: int | None = None
    report: bool = False

    def awake_for(self, at: datetime) -> timedelta:
        """How long from an aware time until its quiet hours begin; nothing while they last."""
        if self.quiet_hours is None:
            return timedelta.max
        begin, end = self.quiet_hours
        local = at.astimezone(SHANGHAI)
        now = local.time()
        if begin <= now < end if begin < end else now >= begin or now < end:
            return timedelta()
        return (datetime.combine(local, begin, SHANGHAI) - local) % timedelta(days=1)

    @property
    def account(self) -> str | None:
        """The only account it is notified of, if not of all."""
        return account_of(self.audience)

    def __str__(self) -> str:
        return f"connection {connection_id(self.audience)}, channel {self.channel_name}"


@dataclass(frozen=True, slots=True)
class Channels:
    """
    Every destination there is.

    :param broken: by audience, why its connection cannot be used; its notices wait.
    :param missing: audiences without a connection.
    """

    destinations: Sequence[Destination]
    broken: Mapping[str, ConnectionFieldError]
    missing: Sequence[str] = ()


def json_size(text: str) -> int:
    """How many bytes a text takes within a JSON message."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - len('""')


def connection_id(audience: str) -> str:
    """The Airflow connection that names an audience's channels."""
    return f"notify_{audience}"


def account_of(audience: str) -> str | None:
    """The account that an audience is; None for those who are notified of every account."""
    return None if audience in (OPS, CUSTOMERS) else audience


def fingerprint(*parts: str) -> str:
    """A short name of what must not be shown; the same for the same parts."""
    return sha256("\n".join(parts).encode()).hexdigest()[:16]
