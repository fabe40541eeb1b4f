"""One POST to a receiver: bounded in time and size, and silent about its address."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from shipment_tracking.errors import DeliveryError, RateLimitedError, ReceiverClosedError

TIMEOUT = (5.0, 10.0)  # seconds to connect, to read
LONGEST_WAIT = 24 * 3600.0  # seconds, whatever the receiver asks for
RATE_WAIT = 60.0  # seconds, where a receiver with a rate does not say
LONGEST_ANSWER = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a receiver answers.

    :param retry_after: seconds it asks us to wait.
    :param content: the body, if it was asked for.
    """

    status: int
    retry_after: float
    content: bytes

    def accept(self, *, has_rate: bool = False) -> None:
        """
        Return where the status says that the message was taken.

        :param has_rate: HTTP 429 means a documented rate, and is no failure of the message.
        :raises DeliveryError: it is another status than 2xx.
        """
        status = self.status
        if status in (401, 403):
            raise ReceiverClosedError(
                f"HTTP {status}: the credentials are refused; not tried again"
            )
        if status in (404, 410):
            raise ReceiverClosedError(f"HTTP {status}: no receiver at the address; not tried again")
        if status == 429 and has_rate:
            raise RateLimitedError("HTTP 429", retry_after=self.retry_after or RATE_WAIT)
        if 300 <= status < 400:
            raise DeliveryError(f"HTTP {status}: redirects are not followed")
        if not 200 <= status < 300:
            raise DeliveryError(f"HTTP {status}", retry_after=self.retry_after)


def post(
    url: str,
    content: bytes,
    headers: Mapping[str, str],
    *,
    timeout: tuple[float, float] = TIMEOUT,
    read_content: bool = True,
) -> Answer:
    """
    Post once, without following redirects.

    :param timeout: seconds to connect, to read.
    :param read_content: whether the answer's body matters; if not, it is not waited for.
    :raises DeliveryError: no connection, or no whole answer in time.
    """
    # "from None": the library's own message holds the address.
    try:
        with requests.post(
            url,
            data=content,
            headers=dict(headers),
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as reply:
            body = _read(reply, time.monotonic() + timeout[1]) if read_content else b""
            wait = _seconds(reply.headers.get("Retry-After", ""))
            return Answer(reply.status_code, wait, body)
    except requests.Timeout:
        raise DeliveryError("no answer in time") from None
    except requests.RequestException as error:
        raise DeliveryError(f"no connection ({type(error).__name__})") from None


def post_json(
    url: str, body: Mapping[str, Any], *, timeout: tuple[float, float] = TIMEOUT
) -> dict[str, Any]:
    """
    Post a JSON object to a receiver with a rate; return the object that answers it.

    :raises DeliveryError: as ``post`` and ``Answer.accept``; or the answer is not a JSON object.
    """
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = post(url, content, headers, timeout=timeout)
    answer.accept(has_rate=True)
    try:
        found = json.loads(answer.content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DeliveryError("the answer is not a JSON object")
    return found


def _read(reply: requests.Response, until: float) -> bytes:
    """The body's beginning, byte by byte so that no receiver can hold us with one now and then."""
    content = bytearray()
    for part in reply.iter_content(1):
        content += part
        if len(content) == LONGEST_ANSWER:
            break
        if time.monotonic() > until:
            raise DeliveryError("no whole answer in time")
    return bytes(content)


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
