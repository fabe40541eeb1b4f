"""Who is notified of what, and by which channel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from shipment_tracking.errors import ConnectionFieldError

OPS = "ops"
CUSTOMERS = "customers"
LANGUAGES = ("zh", "en")


ROBOTS = {
    "oapi.dingtalk.com": "dingtalk",
    "api.dingtalk.com": "dingtalk",
    "qyapi.weixin.qq.com": "wecom",
    "open.feishu.cn": "feishu",
    "open.larksuite.com": "feishu",
    "hooks.slack.com": "apprise",
    "discord.com": "apprise",
    "discordapp.com": "apprise",
    "webhook.office.com": "apprise",
    "outlook.office.com": "apprise",
    "logic.azure.com": "apprise",
    "powerplatform.com": "apprise",
}
"""Hosts of chat robots, also below them, and the type of channel for each."""


def robot_type(host: str) -> str | None:
    """
    The type of channel that a chat robot's host needs; None where it is no robot's.

    Such robots answer HTTP 200 to messages that are not in their own form, and drop them.
    """
    host = host.lower().rstrip(".")
    for known, kind in ROBOTS.items():
        if f".{host}".endswith(f".{known}"):
            return kind
    return None


class Channel(Protocol):
    """What every kind of channel can do."""

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Send one message; when this returns, the receiver has it.

        :raises DeliveryError: it may not have it.
        """


@dataclass(frozen=True, slots=True)
class Destination:
    """
    One channel of one audience.

    :param audience: ``ops``, ``customers``, or an account, which is notified of its own parcels.
    :param channel_name: unique within the audience.
    :param statuses: the statuses it wants to hear of, and ``stalled`` for alarms; None: all.
    """

    audience: str
    channel_name: str
    channel: Channel
    language: str = LANGUAGES[0]
    statuses: tuple[str, ...] | None = None

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
    """

    destinations: Sequence[Destination]
    broken: Mapping[str, ConnectionFieldError]


def connection_id(audience: str) -> str:
    """The Airflow connection that names an audience's channels."""
    return f"notify_{audience}"


def account_of(audience: str) -> str | None:
    """The account that an audience is; None for those who are notified of every account."""
    return None if audience in (OPS, CUSTOMERS) else audience
