"""Posts a text to a DingTalk group by its custom robot; error code 0 counts as taken."""

import base64
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode
from uuid import UUID

from pydantic import SecretStr, field_validator

from shipment_tracking.channels.fields import ChannelFields, OptionalSecret, Url, robot_address
from shipment_tracking.channels.port import MARKDOWN, Limits, fingerprint
from shipment_tracking.channels.refusals import Meaning, Refusal, fit, judge, title
from shipment_tracking.channels.transport import TIMEOUT, post_json

# 20,000 bytes are taken, among them what surrounds and escapes the text.
# Markdown joins lines unless they end with two blanks.
LIMITS = Limits(per_minute=20, longest_text=16_000, most_items=50, medium=MARKDOWN, line_end="  \n")
REFUSALS = {
    -1: Refusal(Meaning.TRANSIENT),
    40035: Refusal(Meaning.CLOSED, "copy the whole address of the robot into url"),
    101002: Refusal(Meaning.PERMANENT),
    130101: Refusal(Meaning.LIMITED, wait=600),
    300005: Refusal(Meaning.CLOSED, "copy the address of the robot into url again"),
    310000: Refusal(
        Meaning.CLOSED, "correct secret, keywords or addresses as its security settings have them"
    ),
    400013: Refusal(Meaning.CLOSED, "the group is dissolved; use the robot of another one"),
    400101: Refusal(Meaning.CLOSED, "copy the address of the robot into url again"),
    400102: Refusal(Meaning.CLOSED, "enable the robot"),
    410100: Refusal(Meaning.LIMITED, wait=600),
    460101: Refusal(Meaning.PERMANENT),
}
"""After too many messages in a minute the robot takes none for ten."""


@dataclass(frozen=True, slots=True)
class DingTalk:
    """
    A custom robot.

    :param url: its address with the access token; never shown.
    :param secret: signs the message; None where the robot checks keywords or addresses instead.
    :param timeout: seconds to connect, to read.
    """

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    timeout: tuple[float, float] = TIMEOUT
    limits: Limits = LIMITS

    @property
    def identity(self) -> str:
        """The robot, without its token."""
        return f"dingtalk {fingerprint(self.url)}"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Post one text in Markdown.

        :raises DeliveryError: the robot does not say that it took it.
        """
        lines = str(body["text"]).replace("\n", self.limits.line_end)
        text = fit(lines, self.limits.longest_text)
        message = {"msgtype": "markdown", "markdown": {"title": title(text), "text": text}}
        answer = post_json(self._signed_url(), message, timeout=self.timeout)
        judge(
            answer.get("errcode"),
            answer.get("errmsg"),
            REFUSALS,
            success=0,
            secrets=(self.url, self.secret or ""),
        )

    def _signed_url(self) -> str:
        if self.secret is None:
            return self.url
        timestamp = str(int(time.time() * 1000))
        signed = urlencode({"timestamp": timestamp, "sign": signature(timestamp, self.secret)})
        return f"{self.url}{'&' if '?' in self.url else '?'}{signed}"


class DingTalkFields(ChannelFields):
    """The address that DingTalk shows for the robot, and its secret where it is signed."""

    may_digest: ClassVar[bool] = True
    digests: ClassVar[bool] = True
    hosts: ClassVar[tuple[str, ...]] = ("oapi.dingtalk.com", "api.dingtalk.com")

    url: Url
    secret: OptionalSecret = None

    @field_validator("url")
    @classmethod
    def _is_whole(cls, url: SecretStr) -> SecretStr:
        return robot_address(
            url,
            part="access_token",
            is_whole=lambda parts: parse_qs(parts.query).get("access_token"),
        )

    def open(self) -> DingTalk:
        """The channel; nothing is connected yet."""
        secret = self.secret.get_secret_value() if self.secret else None
        return DingTalk(self.url.get_secret_value(), secret)


def signature(timestamp: str, secret: str) -> str:
    """
    What proves that a message comes from somebody who knows the secret.

    :param timestamp: unix milliseconds.
    """
    digest = hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), "sha256")
    return base64.b64encode(digest).decode()
