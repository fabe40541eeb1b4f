"""Posts a text to a Feishu or Lark group by its custom bot; code 0 counts as taken."""

import base64
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from pydantic import SecretStr, field_validator

from shipment_tracking.channels.fields import ChannelFields, OptionalSecret, Url, robot_address
from shipment_tracking.channels.port import MARKDOWN, Limits, fingerprint
from shipment_tracking.channels.refusals import Meaning, Refusal, fit, judge
from shipment_tracking.channels.transport import TIMEOUT, post_json

# 20 KB are taken, among them what surrounds and escapes the text. Two messages are 0.6 s apart, so
# that there are never five in a second.
LIMITS = Limits(per_minute=100, longest_text=16_000, most_items=50, medium=MARKDOWN)
BAD_REQUEST = 9499
TOO_OFTEN = "frequency limited"
LIMITED = Refusal(Meaning.LIMITED, wait=60)
REFUSALS = {
    BAD_REQUEST: Refusal(Meaning.PERMANENT),
    11232: LIMITED,
    19001: Refusal(Meaning.CLOSED, "copy the address of the bot into url again"),
    19021: Refusal(Meaning.CLOSED, "correct secret, or this machine's time"),
    19022: Refusal(Meaning.CLOSED, "add this machine's address to the bot's security settings"),
    19036: Refusal(Meaning.PERMANENT),
    19024: Refusal(Meaning.CLOSED, "use secret, or put a keyword of the bot into your texts"),
}


@dataclass(frozen=True, slots=True)
class Feishu:
    """
    A custom bot.

    :param url: its address, whose end is a token; never shown.
    :param secret: signs the message; None where the bot checks keywords or addresses instead.
    :param timeout: seconds to connect, to read.
    """

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    timeout: tuple[float, float] = TIMEOUT
    limits: Limits = LIMITS

    @property
    def identity(self) -> str:
        """The bot, without its token."""
        return f"feishu {fingerprint(self.url)}"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Post one text in Markdown, as a card.

        :raises DeliveryError: the bot does not say that it took it.
        """
        text = fit(str(body["text"]), self.limits.longest_text)
        message: dict[str, Any] = {
            "msg_type": "interactive",
            "card": {"elements": [{"tag": "markdown", "content": text}]},
        }
        if self.secret is not None:
            timestamp = str(int(time.time()))
            message |= {"timestamp": timestamp, "sign": signature(timestamp, self.secret)}
        answer = post_json(self.url, message, timeout=self.timeout)
        # An older bot answers by another name.
        code = answer.get("code", answer.get("StatusCode"))
        words = str(answer.get("msg", answer.get("StatusMessage")))
        # The code of a bad request also stands for too many.
        is_rate = code == BAD_REQUEST and TOO_OFTEN in words
        judge(
            code,
            words,
            REFUSALS | {BAD_REQUEST: LIMITED} if is_rate else REFUSALS,
            success=0,
            secrets=(self.url, self.secret or ""),
        )


class FeishuFields(ChannelFields):
    """The address that Feishu shows for the bot, and its secret where it is signed."""

    may_digest: ClassVar[bool] = True
    digests: ClassVar[bool] = True
    hosts: ClassVar[tuple[str, ...]] = ("open.feishu.cn", "open.larksuite.com")

    url: Url
    secret: OptionalSecret = None

    @field_validator("url")
    @classmethod
    def _is_whole(cls, url: SecretStr) -> SecretStr:
        return robot_address(
            url,
            part="token after /hook/",
            is_whole=lambda parts: parts.path.partition("/hook/")[2].strip("/"),
        )

    def open(self) -> Feishu:
        """The channel; nothing is connected yet."""
        secret = self.secret.get_secret_value() if self.secret else None
        return Feishu(self.url.get_secret_value(), secret)


def signature(timestamp: str, secret: str) -> str:
    """
    What proves that a message comes from somebody who knows the secret.

    :param timestamp: unix seconds.
    """
    digest = hmac.digest(f"{timestamp}\n{secret}".encode(), b"", "sha256")
    return base64.b64encode(digest).decode()
