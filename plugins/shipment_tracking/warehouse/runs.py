"""What a run did: its row, its numbers and its calls in the warehouse."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from shipment_tracking.domain.models import ApiUsage, Run
from shipment_tracking.statements import query
from shipment_tracking.warehouse.rows import JsonRows

NUMBERS = (
    "due",
    "polled",
    "left_over",
    "events_new",
    "events_duplicate",
    "changes",
    "signed",
    "notices_sent",
    "failed_orders",
    "untracked",
)
USAGE = JsonRows(ApiUsage, "usage", "runs.usage")


def begin(connection: Connection, run: Run) -> None:
    """Give the run its row, if it has none yet."""
    connection.execute(
        query("runs.begin"),
        {"run_id": run.run_id, "run_type": run.run_type, "started_at": run.started_at},
    )


def add(connection: Connection, run: Run, *, now: datetime, **numbers: int) -> None:
    """Add to the run's numbers; see ``NUMBERS``."""
    unknown = numbers.keys() - set(NUMBERS)
    if unknown:
        raise TypeError(f"a run has no number {', '.join(sorted(unknown))}")
    connection.execute(
        query("runs.add"),
        {**dict.fromkeys(NUMBERS, 0), **numbers, "run_id": run.run_id, "now": now},
    )


def add_usage(connection: Connection, run: Run, account: str, usage: Sequence[ApiUsage]) -> None:
    """Add a lane's calls to the run's."""
    if usage:
        connection.execute(
            query("runs.usage"),
            {"run_id": run.run_id, "account": account, **USAGE(usage)},
        )


def note_closures(connection: Connection, run: Run, refusal: str | None) -> None:
    """Note why the run closed no order that left the ERP's list; None: it was allowed to."""
    binds = {"run_id": run.run_id, "refusal": refusal or ""}
    connection.execute(query("runs.closures_refused"), binds)
