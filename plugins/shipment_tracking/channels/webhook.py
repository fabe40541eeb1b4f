"""Posts a signed JSON message; only a 2xx answer counts as taken."""

import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

import requests

from shipment_tracking.errors import DeliveryError

TIMEOUT = (5.0, 10.0)  # seconds to connect, to read
LONGEST_WAIT = 24 * 3600.0  # seconds, whatever the receiver asks for


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
        # "from None": the library's own message holds the address. The answer's body is not read,
        # so that a receiver cannot keep us reading.
        try:
            with requests.post(
                self.url,
                data=content,
                headers=headers,
                timeout=self.timeout,
                allow_redirects=False,
                stream=True,
            ) as reply:
                status, retry_after = reply.status_code, reply.headers.get("Retry-After", "")
        except requests.Timeout:
            raise DeliveryError("no answer in time") from None
        except requests.RequestException as error:
            raise DeliveryError(f"no connection ({type(error).__name__})") from None
        if 300 <= status < 400:
            raise DeliveryError(f"HTTP {status}: redirects are not followed")
        if not 200 <= status < 300:
            raise DeliveryError(f"HTTP {status}", retry_after=_seconds(retry_after))


def _seconds(retry_after: str) -> float:
    """The wait that a ``Retry-After`` asks for, in seconds or as a date; 0 if it makes no sense."""
    try:
        if retry_after.isdecimal():
            seconds = float(retry_after)
        else:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except ValueError:
        return 0
    return min(LONGEST_WAIT, max(0.0, seconds))
