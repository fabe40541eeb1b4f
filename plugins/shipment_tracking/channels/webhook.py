"""Posts a signed JSON message; only a 2xx answer counts as taken."""

import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from shipment_tracking.channels.fields import ChannelFields, Secret, Url
from shipment_tracking.channels.port import Limits, fingerprint
from shipment_tracking.channels.transport import TIMEOUT, post

LIMITS = Limits(at_once=8)


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
        post(self.url, content, headers, timeout=self.timeout, read_content=False).accept()


class WebhookFields(ChannelFields):
    """A receiver of the owner's."""

    for_customers: ClassVar[bool] = True

    url: Url
    secret: Secret

    def open(self) -> Webhook:
        """The channel; nothing is connected yet."""
        return Webhook(self.url.get_secret_value(), self.secret.get_secret_value())
