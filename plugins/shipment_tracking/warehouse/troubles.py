"""Finds what is wrong with the pipeline itself, by one statement for each kind of trouble."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from shipment_tracking.domain.health import KINDS, Thresholds
from shipment_tracking.domain.models import Run
from shipment_tracking.statements import query
from shipment_tracking.warehouse.alerts import Trouble
from shipment_tracking.warehouse.outbox import FIRST_PAUSE
from shipment_tracking.warehouse.rows import fetch


def accounts(connection: Connection) -> list[str]:
    """Every account that the warehouse knows."""
    return list(connection.scalars(query("troubles.accounts")))


def find(
    connection: Connection, this_run: Run, limits: Thresholds, now: datetime
) -> Iterator[Trouble]:
    """What is wrong, of the run's account only if it has one."""
    for kind in KINDS:
        found = fetch(
            connection,
            f"troubles.{kind}",
            Trouble,
            now=now,
            first_pause=FIRST_PAUSE,
            **limits.binds,
        )
        for trouble in found:
            if this_run.only_account in (None, trouble.account):
                yield trouble
