"""Keeps the parcels that a parcel list or a trace names: their rows, orders and waybill numbers."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from shipment_tracking import carriers
from shipment_tracking.sql import statement

# Added in the order of their keys, then locked in the order of their ids: whoever keeps the same
# parcels meanwhile waits, and never crosswise.
_STEPS = ("parcels_add", "parcels_lock", "parcels_update", "parcels_link", "parcels_waybills")


def keep(connection: Connection, rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """
    Store parcels within the caller's transaction; storing them twice changes nothing.

    A carrier is kept as the table of carriers calls it, whatever the platform calls it.

    :param rows: ``order_id, account, consignment_id, waybill_no, seen_at`` (aware); from a parcel
        list also ``listed``, which is true, ``carrier_code`` and ``carrier_name``; from whatever
        tells the platform's status ``platform_code, platform_status, announce``.
    :returns: the shipment id of each account and consignment id.
    """
    if not rows:
        return {}
    binds = {"parcels": json.dumps([_with_carrier(row) for row in rows], default=str)}
    for step in _STEPS:
        connection.execute(statement(f"warehouse/{step}"), binds)
    found = connection.execute(statement("warehouse/parcels_ids"), binds)
    return {(row.account, row.consignment_id): row.shipment_id for row in found}


def _with_carrier(row: dict[str, Any]) -> dict[str, Any]:
    code, name = carriers.resolve(row.get("carrier_code"), row.get("carrier_name"))
    return row | {"carrier_code": code, "carrier_name": name}
