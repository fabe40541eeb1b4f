"""Posts a signed JSON message; only a 2xx answer counts as taken."""

import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr, field_validator

from shipment_tracking.channels.fields import ChannelFields, Secret, Url, own_sentence
from shipment_tracking.channels.port import Limits, fingerprint
from shipment_tracking.channels.transport import TIMEOUT, post

LIMITS = Limits(at_once=8)
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


@dataclass(frozen=True, slots=True)
class Webhook:
    """
    A receiver that checks signatures.

    ``X-Signature`` is ``sha256=`` and the hex HMAC-SHA256, under the secret, of ``X-Timestamp``
    (unix seconds), a dot and the body. ``X-Event-Id`` stays the same however often it is sent.

    :param url: never shown, since it may carry a token.
    :param timeout: seconds to connect, to read.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False)
    timeout: tuple[float, float] = TIMEOUT
    limits: Limits = LIMITS

    @property
    def identity(self) -> str:
        """The receiver, without its address."""
        return f"webhook {fingerprint(self.url)}"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Post one message.

        :raises DeliveryError: no connection, no answer in time, or another answer than 2xx.
        """
        content = json.dumps(body, ensure_ascii=False).encode()
        stamp = str(int(time.time()))
        signature = hmac.new(self.secret.encode(), f"{stamp}.".encode() + content, "sha256")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-Event-Id": str(event_id),
            "X-Timestamp": stamp,
            "X-Signature": f"sha256={signature.hexdigest()}",
        }
        post(self.url, content, headers, timeout=self.timeout, read_content=False)


class WebhookFields(ChannelFields):
    """A receiver of the owner's."""

    for_customers: ClassVar[bool] = True

    url: Url
    secret: Secret

    @field_validator("url")
    @classmethod
    def _is_no_robot(cls, url: SecretStr) -> SecretStr:
        # Such robots answer HTTP 200 to messages that are not in their own form, and drop them.
        host = urlsplit(url.get_secret_value()).hostname or ""
        if kind := robot_type(host):
            raise own_sentence(
                f"{host} is a chat robot, which answers 200 to messages of a webhook and drops "
                f'them; its type is "{kind}"'
            )
        return url

    def open(self) -> Webhook:
        """The channel; nothing is connected yet."""
        return Webhook(self.url.get_secret_value(), self.secret.get_secret_value())


def robot_type(host: str) -> str | None:
    """The type of channel that a chat robot's host needs; None where it is no robot's."""
    host = host.lower().rstrip(".")
    for known, kind in ROBOTS.items():
        if f".{host}".endswith(f".{known}"):
            return kind
    return None
