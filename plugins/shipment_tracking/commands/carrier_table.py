"""``shipment-tracking carriers``: which carriers the table lacks, and a newer table."""

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shipment_tracking.domain import carriers
from shipment_tracking.errors import CarrierTableError

if TYPE_CHECKING:
    from sqlalchemy import Engine


def show(warehouse: "Engine", most: int) -> None:
    """
    Print the carriers of the warehouse's parcels as CSV with a heading.

    Those that ``carriers.csv`` does not know come first, with nothing under ``table_code``; then
    the most frequent first.

    :raises CarrierTableError: the table has a mistake.
    """
    from shipment_tracking.warehouse import overview

    with warehouse.connect() as connection:
        rows = overview.carriers(connection)
    found = [(carriers.find(row.carrier_code, row.carrier_name), row) for row in rows]
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("code", "name", "parcels", "last_seen_at", "table_code", "table_name"))
    for known, row in sorted(found, key=lambda each: each[0] is not None)[:most]:
        out.writerow(
            (
                row.carrier_code or "",
                row.carrier_name or "",
                row.parcels,
                f"{row.last_seen_at:%Y-%m-%d %H:%M%z}",
                known.code if known else "",
                known.name if known else "",
            )
        )


def refresh(reply: Path) -> None:
    """
    Print the table, refreshed from 1688's list of companies, and beside it what changed.

    :param reply: a file with the list, as JSON.
    :raises CarrierTableError: the file cannot be read, or is not such a list.
    """
    try:
        body = json.loads(reply.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CarrierTableError(
            f"{reply} cannot be read: {error}; give a file with the JSON reply of "
            "alibaba.logistics.OpQueryLogisticCompanyList"
        ) from error
    found = carriers.refresh(carriers.load(), body if isinstance(body, dict) else {})
    print(carriers.as_csv(found.table), end="")
    for what, rows in (("new", found.new), ("changed", found.changed)):
        for row in rows:
            print(f"{what}: {row.code} {row.name} {' '.join(row.aliases)}", file=sys.stderr)
