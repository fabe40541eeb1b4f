"""
A program that notifies of changes and kills itself on the way, as an out-of-memory killer would.

It reads from its standard input: the warehouse, a channel's fields, when to die, and where to write
down each message that it is about to send.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from shipment_tracking.channels.port import Channel, Channels, Limits
from shipment_tracking.channels.registry import destinations
from shipment_tracking.domain.models import Run
from shipment_tracking.steps import notify_changes


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Dying:
    """
    A channel that writes down what it sends, and ends its process.

    :param place: ``before`` or ``after`` a message is sent; any other: not here.
    """

    inner: Channel
    place: str
    log: Path
    limits: Limits = field(default_factory=Limits)

    @property
    def identity(self) -> str:
        return self.inner.identity

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        if self.place == "before":
            die()
        self.inner.send(event_id, body)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps([str(event_id), body["text"]]) + "\n")
        if self.place == "after":
            die()


def main() -> None:
    order = json.load(sys.stdin)
    place, number = order["die"]
    engine = create_engine(order["warehouse"], poolclass=NullPool)
    (usual,) = destinations("ops", [order["channel"]])
    dying = Dying(usual.channel, place, Path(order["log"]), usual.channel.limits)
    if place == "commit":
        commits = count(1)

        @event.listens_for(Engine, "commit")
        def die_at_commit(_: Any) -> None:
            if next(commits) == number:
                die()

    now = datetime.fromisoformat(order["now"])
    notify_changes.run(
        engine,
        Run("run", "manual", now),
        open_erp=lambda: None,  # type: ignore[arg-type,return-value]
        channels=lambda accounts: Channels([replace(usual, channel=dying)], {}),
        owner="task",
        now=now,
    )


if __name__ == "__main__":
    main()
