"""The numbers of a run and of the warehouse that metrics are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from shipment_tracking.domain.models import Run
from shipment_tracking.statements import query
from shipment_tracking.warehouse.rows import fetch


@dataclass(frozen=True, slots=True)
class Calls:
    """
    Calls of a run that ended alike.

    :param outcome: as ``analytics.api_usage`` tells it.
    """

    account: str
    outcome: str
    calls: int


def of_run(connection: Connection, run: Run) -> tuple[Mapping[str, Any], list[Calls]]:
    """The numbers of the run's row, none while it has no row, and its calls."""
    binds = {"run_id": run.run_id}
    row = connection.execute(query("metrics.run"), binds).one_or_none()
    return dict(row._mapping) if row else {}, fetch(connection, "metrics.calls", Calls, **binds)


def of_state(connection: Connection, now: datetime) -> Mapping[str, Any]:
    """How the warehouse stands; a delay is none where nothing was signed in the last day."""
    return dict(connection.execute(query("metrics.state"), {"now": now}).one()._mapping)
