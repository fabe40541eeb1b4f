"""Posts a text to a WeCom group by its robot; error code 0 counts as taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs
from uuid import UUID

from pydantic import SecretStr, field_validator

from shipment_tracking.channels.fields import ChannelFields, Url, robot_address
from shipment_tracking.channels.port import MARKDOWN, Limits, fingerprint
from shipment_tracking.channels.refusals import Meaning, Refusal, fit, judge
from shipment_tracking.channels.transport import TIMEOUT, post_json

LIMITS = Limits(per_minute=20, longest_text=4096, most_items=12, medium=MARKDOWN)
REFUSALS = {
    -1: Refusal(Meaning.TRANSIENT),
    40008: Refusal(Meaning.PERMANENT),
    40058: Refusal(Meaning.PERMANENT),
    44004: Refusal(Meaning.PERMANENT),
    45002: Refusal(Meaning.PERMANENT),
    45009: Refusal(Meaning.LIMITED, wait=60),
    93000: Refusal(Meaning.CLOSED, "copy the address of the robot into url again"),
    93004: Refusal(Meaning.CLOSED, "enable the robot"),
    93008: Refusal(Meaning.CLOSED, "add the robot to its group again"),
}


@dataclass(frozen=True, slots=True)
class WeCom:
    """
    A robot of a group.

    :param url: its address with the key; never shown.
    :param timeout: seconds to connect, to read.
    """

    url: str = field(repr=False)
    timeout: tuple[float, float] = TIMEOUT
    limits: Limits = LIMITS

    @property
    def identity(self) -> str:
        """The robot, without its key."""
        return f"wecom {fingerprint(self.url)}"

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        """
        Post one text in Markdown.

        :raises DeliveryError: the robot does not say that it took it.
        """
        text = fit(str(body["text"]), self.limits.longest_text)
        message = {"msgtype": "markdown", "markdown": {"content": text}}
        answer = post_json(self.url, message, timeout=self.timeout)
        judge(
            answer.get("errcode"),
            answer.get("errmsg"),
            REFUSALS,
            success=0,
            secrets=(self.url,),
        )


class WeComFields(ChannelFields):
    """The address that WeCom shows for the robot."""

    may_digest: ClassVar[bool] = True
    digests: ClassVar[bool] = True
    hosts: ClassVar[tuple[str, ...]] = ("qyapi.weixin.qq.com",)

    url: Url

    @field_validator("url")
    @classmethod
    def _is_whole(cls, url: SecretStr) -> SecretStr:
        return robot_address(
            url, part="key", is_whole=lambda parts: parse_qs(parts.query).get("key")
        )

    def open(self) -> WeCom:
        """The channel; nothing is connected yet."""
        return WeCom(self.url.get_secret_value())
