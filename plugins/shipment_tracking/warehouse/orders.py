"""What is tracked: takes over the ERP's list, by a stage, and tells which accounts have work."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from shipment_tracking.domain.models import Run
from shipment_tracking.statements import query
from shipment_tracking.warehouse import erp_rows, polling, runs
from shipment_tracking.warehouse.rows import copy, fetch

log = logging.getLogger(__name__)

MOST_CLOSED_UNASKED = 50
LARGEST_SHARE_CLOSED_UNASKED = 0.2


class StagedRow(NamedTuple):
    """
    A row of the ERP's list, in the order of the stage's columns.

    :param shipped_at, promised_at: aware.
    :param refusal: why it cannot be tracked; only the ``erp_key`` is surely usable then.
    """

    erp_key: str
    platform: str | None
    account: str | None
    platform_order_id: str | None
    waybill_no: str | None
    shipped_at: datetime | None
    priority: int
    erp_stamp: str | None
    promised_at: datetime | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Work:
    """An account and how many of its orders are due; 0 where only its feed is to be read."""

    account: str
    orders: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many orders a backfill is about, and how many of them it will poll."""

    orders: int
    to_poll: int


@dataclass(frozen=True, slots=True)
class Leaving:
    """How many open rows left the list, how many are open, and how many usable rows it holds."""

    leaving: int
    open: int
    listed: int

    @property
    def is_too_much(self) -> bool:
        """Whether a mistake is likelier than so many orders that are done."""
        if self.leaving and not self.listed:
            return True
        return (
            self.leaving > MOST_CLOSED_UNASKED
            and self.leaving > LARGEST_SHARE_CLOSED_UNASKED * self.open
        )


def stage(connection: Connection, rows: Iterable[StagedRow]) -> None:
    """Copy rows into the stage; no other run reads the list until this transaction ends."""
    connection.execute(query("orders.lock"))
    connection.execute(query("orders.stage"))
    copy(connection, "orders.copy", rows)


def take_over(connection: Connection, this_run: Run, now: datetime) -> str | None:
    """Apply the stage to the warehouse; returns why nothing was closed, if it was too much."""
    binds = {
        "now": now,
        "listed": not this_run.is_backfill,
        "min_spacing": polling.MIN_SPACING,
    }

    def execute(name: str) -> Any:
        return connection.execute(query(f"orders.{name}"), binds)

    erp_rows.lock(connection)
    execute("refuse_duplicates")
    execute("add_orders")
    execute("move_rows")
    execute("take_rows")
    refusal = None
    if this_run.is_backfill:
        (wanted,) = fetch(connection, "orders.want_backfill", Wanted, **binds)
        log.info(
            "%d of %d orders of the interval are to be polled; the others were polled just now",
            wanted.to_poll,
            wanted.orders,
        )
    elif this_run.only_account is None and not this_run.only_high_priority:
        (leaving,) = fetch(connection, "orders.leaving", Leaving, **binds)
        if this_run.accept_closures or not leaving.is_too_much:
            execute("close_rows")
        else:
            refusal = (
                f"{leaving.leaving} of {leaving.open} open orders are no longer in the ERP's list "
                f"({leaving.listed} rows that can be tracked): nothing was closed. If that is "
                "right, trigger the DAG once with accept_closures = true; if not, correct "
                "extract_orders.sql"
            )
        runs.note_closures(connection, this_run, refusal)
        execute("give_up")
        polling.learn_transit(connection, now=now)
    execute("open_orders")
    execute("close_orders")
    execute("quiet_closed")
    return refusal


def due(connection: Connection, this_run: Run, now: datetime) -> list[Work]:
    """The accounts with work for the run."""
    return fetch(
        connection,
        "orders.due",
        Work,
        now=now,
        backfill=this_run.is_backfill,
        shipped_from=this_run.shipped_from,
        shipped_to=this_run.shipped_to,
        only_account=this_run.only_account,
        only_high_priority=this_run.only_high_priority,
    )
