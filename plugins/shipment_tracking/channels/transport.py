"""One POST to a receiver: bounded in time and size, and silent about its address."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import requests

from shipment_tracking.errors import DeliveryError, ReceiverClosedError

TIMEOUT = (5.0, 10.0)  # seconds to connect, to read
LONGEST_WAIT = 24 * 3600.0  # seconds, whatever the receiver asks for
LONGEST_ANSWER = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer."""

    status: int
    content: bytes


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
    :raises ReceiverClosedError: the receiver refuses the credentials, or there is none.
    :raises DeliveryError: no connection, no whole answer in time, or another answer than 2xx.
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
            _check(reply.status_code, reply.headers.get("Retry-After", ""))
            body = _read(reply, time.monotonic() + timeout[1]) if read_content else b""
            return Answer(reply.status_code, body)
    except requests.Timeout:
        raise DeliveryError("no answer in time") from None
    except requests.RequestException as error:
        raise DeliveryError(f"no connection ({type(error).__name__})") from None


def _check(status: int, retry_after: str) -> None:
    if status in (401, 403):
        raise ReceiverClosedError(f"HTTP {status}: the credentials are refused; not tried again")
    if status in (404, 410):
        raise ReceiverClosedError(f"HTTP {status}: no receiver at the address; not tried again")
    if 300 <= status < 400:
        raise DeliveryError(f"HTTP {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise DeliveryError(f"HTTP {status}", retry_after=_seconds(retry_after))


def _read(reply: requests.Response, until: float) -> bytes:
    """The body, byte by byte so that a receiver that sends one now and then cannot hold us."""
    content = bytearray()
    for part in reply.iter_content(1):
        content += part
        if len(content) > LONGEST_ANSWER:
            raise DeliveryError("the answer is longer than any that is documented")
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
