"""
A program that sends a day's report and kills itself on the way, as an out-of-memory killer would.

It reads from its standard input: the warehouse, a channel's fields, and whether to die ``before``
or ``after`` the message is sent, or not at all.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from shipment_tracking.channels.port import Channel, Channels, Limits
from shipment_tracking.channels.registry import destinations
from shipment_tracking.domain.models import Run
from shipment_tracking.steps import send_report


@dataclass
class Dying:
    """A channel that ends its process."""

    inner: Channel
    place: str
    limits: Limits

    @property
    def identity(self) -> str:
        return self.inner.identity

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        if self.place == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        self.inner.send(event_id, body)
        if self.place == "after":
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    order = json.load(sys.stdin)
    (usual,) = destinations("ops", [order["channel"]])
    dying = replace(usual, channel=Dying(usual.channel, order["die"], usual.channel.limits))
    now = datetime.fromisoformat(order["now"])
    send_report.run(
        create_engine(order["warehouse"], poolclass=NullPool),
        Run("run", "manual", now),
        day=date.fromisoformat(order["day"]),
        place=lambda day: "",
        channels=lambda accounts: Channels([dying], {}),
        owner="task",
        now=now,
    )


if __name__ == "__main__":
    main()
