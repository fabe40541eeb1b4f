"""The ports of a platform: its account, what a step may ask it, and how its replies are read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from shipment_tracking.domain.models import ApiUsage, Parcel, ParcelTrace

THREADS = 16
"""How many calls of a lane may be under way."""

Json = dict[str, Any]

Waybills = Mapping[str, Sequence[str]]
"""Consignment ids by waybill number; parcels of one box share a number."""


@dataclass(frozen=True, slots=True)
class Account:
    """
    One authorisation of one account: an Airflow connection, read and checked.

    :param sign_method: how requests are signed, where the dialect leaves a choice (``top``).
    :param feed: what tells which orders changed: ``orders``, ``messages`` or nothing.
    """

    conn_id: str
    platform: str
    dialect: str
    gateway: str
    app_key: str
    app_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    qps: float
    sign_method: str = "hmac-sha256"
    feed: str = ""


class RateLimiter(Protocol):
    """The right to call, one call at a time."""

    def acquire(self) -> None:
        """Wait until a call may be made."""

    def block(self, seconds: float) -> None:
        """The platform wants no calls for ``seconds`` from now."""

    def close(self) -> None:
        """Give back what it holds."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What an account is let in with; aware times, as far as they are known."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None

    def ends_before(self, time: datetime) -> bool:
        """Whether the access token is known to end before a time."""
        return self.expires_at is not None and self.expires_at < time


class TokenStore(Protocol):
    """Renewed pairs, kept for everybody who uses the same connection's pair."""

    def find(self, key: str) -> TokenPair | None:
        """The newest pair of a key, if one was stored and can be read."""

    def lease(self, key: str, account: str) -> bool:
        """Whether the right to renew the pair is ours for now."""

    def store(self, key: str, pair: TokenPair) -> bool:
        """Keep a pair that was just renewed; false if another was kept since the last ``find``."""

    def release(self, key: str) -> None:
        """Give the right to renew back."""


@dataclass(frozen=True, slots=True)
class Changes:
    """
    A page of what a feed reports.

    :param orders: the newest change (aware) of each order.
    :param receipts: what to confirm once it is stored; without that the page comes again.
    """

    orders: Mapping[str, datetime]
    receipts: tuple[str, ...] = ()


class ChangeFeed(Protocol):
    """
    The port: which orders changed.

    :param longest: the longest time that one question may be about.
    :param platforms: whose orders it may report: those of any account, unless ``own_orders``.
    """

    longest: timedelta
    platforms: tuple[str, ...]
    own_orders: bool

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[Changes]:
        """
        What changed in ``[since, until]`` (aware), an order perhaps more than once.

        :raises PlatformError: what came before is true, but there may be more.
        """

    def confirm(self, changes: Changes) -> None:
        """The page is stored, and need not come again."""


class PlatformClient(Protocol):
    """The port: what a step may ask a platform, whatever its dialect."""

    account: Account
    feed: ChangeFeed | None
    """By the account's choice."""

    def fetch_parcels(self, order_id: str) -> list[Parcel]:
        """The order's parcels with their platform status; none when it is not shipped yet."""

    def fetch_traces(self, order_id: str, waybills: Waybills | None = None) -> Json:
        """The order's traces as the platform prints them, masked and without what we do not need.

        An order without any trace yet gives an empty answer, not an error.

        :param waybills: consignment ids by waybill number, as far as they are known; a platform
            whose traces do not name the parcel finds it by its number."""

    def has_unshipped_lines(self, order_id: str) -> bool:
        """Whether a line of the order is still to be shipped."""

    def drain_usage(self) -> list[ApiUsage]:
        """Calls made since the last look."""

    def warnings(self) -> list[str]:
        """What a person should see to though the calls went on; one line each."""

    def close(self) -> None:
        """Give connections back."""


class TraceReader(Protocol):
    """Reads what ``fetch_traces`` of the same dialect returned, today or a year ago."""

    def __call__(self, body: Json) -> list[ParcelTrace]:
        """:raises ReplyError: the reply is not what the dialect promises."""
