"""Brings the warehouse to the schema this version of the code works with."""

from sqlalchemy import Engine

from shipment_tracking.warehouse.upgrade import upgrade


def run(warehouse: Engine) -> str:
    """
    Create or upgrade the schemas ``tracking`` and ``analytics``.

    :returns: the schema version now in place.
    :raises WarehouseRefusedError, StatementError: as ``upgrade`` does.
    """
    return upgrade(warehouse)
