"""The one clock of the steps; a simulated one for demo and tests."""

import json
import os
from datetime import UTC, datetime
from urllib.parse import urlsplit
from urllib.request import urlopen

from shipment_tracking.domain.hosts import is_loopback
from shipment_tracking.errors import ConnectionFieldError

CLOCK_URL = "SHIPMENT_TRACKING_CLOCK_URL"


def is_simulated() -> bool:
    """Whether the time is that of a simulated world."""
    return bool(os.environ.get(CLOCK_URL))


def now() -> datetime:
    """The present in UTC, or what the clock at ``SHIPMENT_TRACKING_CLOCK_URL`` says."""
    url = os.environ.get(CLOCK_URL)
    if not url:
        return datetime.now(UTC)
    if not url.startswith("http"):
        raise ConnectionFieldError(f"{CLOCK_URL} is {url!r}, not an http address")
    with urlopen(url, timeout=5) as reply:
        return datetime.fromisoformat(json.load(reply)["now"]).astimezone(UTC)


def refuse_simulated_clock(gateway: str) -> None:
    """
    Let no simulated time meet a real platform.

    :raises ConnectionFieldError: a simulated clock is set and the gateway is not on loopback.
    """
    if os.environ.get(CLOCK_URL) and not is_loopback(urlsplit(gateway).hostname or ""):
        raise ConnectionFieldError(
            f"{CLOCK_URL} is set, so time is simulated, but {gateway} is not on this machine: "
            f"unset {CLOCK_URL} to work with a real platform"
        )
