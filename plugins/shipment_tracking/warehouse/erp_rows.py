"""The ERP's rows in the warehouse as a whole: who may change them, and how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from shipment_tracking.statements import query
from shipment_tracking.warehouse.rows import fetch


@dataclass(frozen=True, slots=True)
class Listed:
    """
    How many rows the ERP's list holds.

    :param untracked: how many of them are not tracked.
    :param examples: a few of these, each with the reason.
    """

    listed: int
    untracked: int
    examples: Sequence[str]


def lock(connection: Connection) -> None:
    """Let nobody else load or change the ERP's rows until this transaction ends."""
    connection.execute(query("erp_rows.lock"))


def count(connection: Connection) -> Listed:
    """How many rows are listed and tracked."""
    return fetch(connection, "erp_rows.count", Listed)[0]
