"""Sends a text by Apprise to one of its services: Slack, Teams, Discord, Telegram and more."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from pydantic import Field, SecretStr

from shipment_tracking.channels.fields import ChannelFields, Secret, need_library
from shipment_tracking.channels.port import Limits, fingerprint
from shipment_tracking.channels.refusals import UNKNOWN, Meaning, Refusal, fit
from shipment_tracking.errors import ConnectionFieldError, DeliveryError

if TYPE_CHECKING:
    from apprise import NotifyBase

TIMEOUT = 10.0  # seconds
LIMITS = Limits(per_minute=20, most_items=50)
_CREDENTIALS = Refusal(Meaning.CLOSED, "correct the token or key in url")
_ADDRESS = Refusal(Meaning.CLOSED, "correct url")
REFUSALS = {
    400: Refusal(Meaning.PERMANENT),
    401: _CREDENTIALS,
    403: _CREDENTIALS,
    404: _ADDRESS,
    410: _ADDRESS,
    413: Refusal(Meaning.PERMANENT),
    429: Refusal(Meaning.LIMITED, wait=60),
}
"""HTTP statuses, which is all that Apprise tells; any other is tried again."""

SILENT = {
    "NotifyDingTalk": 'use type "dingtalk"',
    "NotifyWeComBot": 'use type "wecom"',
    "NotifyFeishu": 'use type "feishu"',
    "NotifyLark": 'use type "feishu"',
    "NotifyServerChan": "put a receiver of your own between",
    "NotifyPushDeer": "put a receiver of your own between",
}
"""Services that answer 200 to what they refuse, which Apprise takes for success."""

_CODE = re.compile(r"error=(\d{3})\b")


@dataclass(frozen=True, slots=True)
class Notifier:
    """
    A service that Apprise knows.

    :param url: its address in the form of Apprise, with tokens; never shown.
    :param timeout: seconds for one message.
    """

    url: str = field(repr=False)
    timeout: float = TIMEOUT
    limits: Limits = LIMITS

    @property
    def identity(self) -> str:
        """The service, without its tokens."""
        return f"apprise {fingerprint(self.url)}"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Send one text.

        :raises DeliveryError: Apprise does not say that the service took it.
        """
        from apprise import Apprise, NotifyFormat

        _let_library_log()
        # A new one each time: an old one sleeps for seconds between two messages.
        service = Apprise()
        service.add(self.url)
        text = fit(str(body["text"]), self.limits.longest_text)
        # Services that want HTML or Markdown get it escaped, so that no "<" makes them refuse it.
        result = service.notify(text, body_format=NotifyFormat.TEXT, timeout=self.timeout)
        if result:
            return
        if result.timeout_count:
            raise DeliveryError("no answer in time")
        # Its words may hold an address; the status is enough.
        codes = [int(code) for entry in result.logs() for code in _CODE.findall(entry.message)]
        if not codes:
            raise DeliveryError("no connection (Apprise)")
        raise REFUSALS.get(codes[-1], UNKNOWN).error(f"HTTP {codes[-1]}")


class NotifierFields(ChannelFields):
    """An address in the form of Apprise, or the service's own where Apprise knows it."""

    may_digest: ClassVar[bool] = True
    hosts: ClassVar[tuple[str, ...]] = (
        "hooks.slack.com",
        "discord.com",
        "discordapp.com",
        "webhook.office.com",
        "outlook.office.com",
        "logic.azure.com",
        "powerplatform.com",
    )

    url: Secret = Field(description="an address that Apprise knows, such as slack://…")
    per_minute: int = Field(20, ge=1, description="how many messages a minute the service takes")

    def open(self) -> Notifier:
        """
        The channel; nothing is connected yet.

        :raises ConnectionFieldError: Apprise is missing or does not know the address.
        """
        need_library("apprise", extra="apprise")
        service = _service(self.url)
        if service is None:
            raise ConnectionFieldError("url is not an address that Apprise knows")
        if remedy := SILENT.get(type(service).__name__):
            raise ConnectionFieldError(f"Apprise does not see what this service refuses: {remedy}")
        limits = Limits(
            per_minute=self.per_minute,
            longest_text=service.body_maxlen,
            most_items=LIMITS.most_items,
        )
        return Notifier(self.url.get_secret_value(), limits=limits)


def _let_library_log() -> None:
    """
    Have the library make its log records, whatever Airflow's configuration says of logging.

    A status is known from them only. They may hold an address, so they go no further.
    """
    library = logging.getLogger("apprise")
    library.disabled, library.propagate = False, False
    library.setLevel(logging.WARNING)


def _service(url: SecretStr) -> "NotifyBase | None":
    from apprise import Apprise

    found: NotifyBase | None = Apprise.instantiate(url.get_secret_value(), suppress_exceptions=True)
    return found
