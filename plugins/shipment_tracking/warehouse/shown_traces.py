"""What the ERP's rows should show of their parcels, and what they show."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from shipment_tracking.domain.models import Run
from shipment_tracking.statements import query
from shipment_tracking.warehouse import erp_rows
from shipment_tracking.warehouse.rows import JsonRows, fetch


@dataclass(frozen=True, slots=True)
class TraceRow:
    """
    What an ERP row should show.

    :param latest_trace_at, eta: aware.
    :param is_ours: false for a row that is no longer tracked and that we did not sign.
    """

    erp_key: str
    status: str
    latest_trace: str | None
    latest_trace_at: datetime | None
    waybill_nos: str | None
    eta: datetime | None
    is_ours: bool


@dataclass(frozen=True, slots=True)
class ShownRow:
    """
    What an ERP row was to show.

    :param is_written: whether it shows it now.
    :param error: why the ERP did not take it.
    """

    erp_key: str
    status: str
    latest_trace: str | None
    latest_trace_at: datetime | None
    waybill_nos: str | None
    is_written: bool
    error: str | None


SHOWN = JsonRows(ShownRow, "shown", "shown_traces.done")


def waiting(connection: Connection, this_run: Run, *, after: str, most: int) -> list[TraceRow]:
    """
    The next rows that show something else.

    :param after: an ERP key.
    """
    binds = {"after": after, "most": most, "only_account": this_run.only_account}
    return fetch(connection, "shown_traces.next", TraceRow, **binds)


def keep(connection: Connection, this_run: Run, shown: Iterable[ShownRow]) -> None:
    """Note what rows show now, or why they do not."""
    erp_rows.lock(connection)
    connection.execute(query("shown_traces.done"), SHOWN(shown) | {"now": this_run.started_at})


def shown_lately(connection: Connection, this_run: Run, since: datetime) -> int:
    """How many rows the ERP took since a time."""
    binds = {"since": since, "only_account": this_run.only_account}
    return connection.scalars(query("shown_traces.lately"), binds).one()
