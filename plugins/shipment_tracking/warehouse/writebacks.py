"""
Signatures on their way to the ERP: each write is announced in the audit before it is done, and its
outcome noted after.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from shipment_tracking.domain.models import Run
from shipment_tracking.statements import query
from shipment_tracking.warehouse import erp_rows
from shipment_tracking.warehouse.rows import JsonRows, fetch


@dataclass(frozen=True, slots=True)
class SignedRow:
    """
    An ERP row to sign.

    :param sign_event: the status change that made it signed.
    :param signed_at: aware.
    :param erp_stamp: as the row was read.
    """

    erp_key: str
    account: str
    platform_order_id: str
    waybill_no: str | None
    sign_event: UUID
    signed_at: datetime
    sign_kind: str | None
    erp_stamp: str | None


@dataclass(frozen=True, slots=True)
class WriteRow:
    """
    A write that is announced.

    :param before: the row as the ERP has it; empty where it has none.
    """

    erp_key: str
    account: str
    platform_order_id: str
    waybill_no: str
    source_event: UUID
    signed_at: datetime
    sign_kind: str | None
    before: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An announced write as it stands in the audit; an earlier one may have an outcome."""

    erp_key: str
    outcome: str | None
    before: Mapping[str, str | None]
    detail: str | None


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What came of a write."""

    erp_key: str
    waybill_no: str
    source_event: UUID
    outcome: str
    detail: str | None


WRITES = JsonRows(WriteRow, "writes", "writebacks.begin")
OUTCOMES = JsonRows(OutcomeRow, "outcomes", "writebacks.outcomes", "writebacks.settle")


def waiting(
    connection: Connection, this_run: Run, *, after: str, most: int, latest: datetime
) -> list[SignedRow]:
    """
    The next rows to sign.

    :param after: an ERP key.
    :param latest: aware; a later signature waits until then.
    """
    return fetch(
        connection,
        "writebacks.next",
        SignedRow,
        after=after,
        most=most,
        only_account=this_run.only_account,
        latest=latest,
    )


def begin(
    connection: Connection, this_run: Run, writes: Iterable[WriteRow], now: datetime
) -> dict[str, AuditRow]:
    """Announce writes; returns the audit row of each key, an earlier one where there is one."""
    erp_rows.lock(connection)
    binds = {"run_id": this_run.run_id, "now": now, **WRITES(writes)}
    begun = fetch(connection, "writebacks.begin", AuditRow, **binds)
    return {row.erp_key: row for row in begun}


def keep(
    connection: Connection, this_run: Run, outcomes: Iterable[OutcomeRow], now: datetime
) -> None:
    """Note what came of writes; what failed is tried again by a later run."""
    binds = {"now": now, **OUTCOMES(outcomes)}
    erp_rows.lock(connection)
    connection.execute(query("writebacks.outcomes"), binds | {"run_id": this_run.run_id})
    connection.execute(query("writebacks.settle"), binds)


def signed_lately(connection: Connection, this_run: Run, since: datetime) -> int:
    """How many rows other runs signed since a time."""
    binds = {"since": since, "run_id": this_run.run_id, "only_account": this_run.only_account}
    return connection.scalars(query("writebacks.lately"), binds).one()
