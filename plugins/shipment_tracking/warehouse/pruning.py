"""Deletes batches of what is older than it is kept, within the caller's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from shipment_tracking.statements import query

KINDS = ("replies", "notices", "orders", "runs", "acts", "tokens")


@dataclass(frozen=True, slots=True)
class Batch:
    """
    What a batch deleted.

    :param rows: how many, by what they were.
    :param last: where the next batch begins; none at the end.
    """

    rows: Mapping[str, int]
    last: Any


def prune(
    connection: Connection, kind: str, *, after: Any, before: datetime, most: int, now: datetime
) -> Batch:
    """
    Delete the next batch of a kind.

    :param kind: one of ``KINDS``; with orders go their parcels and all that is known of them.
    :param after: the ``last`` of the batch before; none for the first.
    :param before: aware; what is younger stays.
    :param most: rows that are looked at.
    """
    page = {"after": after, "before": before, "most": most}
    if kind == "orders":
        return _forget_orders(connection, page, now)
    found = _numbers(connection, kind, page)
    return Batch(found, found.pop("last"))


def _forget_orders(connection: Connection, page: Mapping[str, Any], now: datetime) -> Batch:
    closed = list(connection.scalars(query("pruning.page"), page))
    if not closed:
        return Batch({}, None)
    found = {"orders": closed, "before": page["before"]}
    orders = list(connection.scalars(query("pruning.orders"), found))
    shipments = list(connection.scalars(query("pruning.lock_parcels"), {"orders": orders}))
    forgotten = _numbers(connection, "reset_orders", {"orders": orders, "now": now})
    gone = _numbers(connection, "delete_parcels", {"shipments": shipments})
    return Batch({**forgotten, **gone}, closed[-1])


def _numbers(connection: Connection, name: str, binds: Mapping[str, Any]) -> dict[str, Any]:
    return dict(connection.execute(query(f"pruning.{name}"), binds).mappings().one())
