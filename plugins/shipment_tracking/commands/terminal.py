"""What the commands ``status`` and ``order`` print: the warehouse as text."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from shipment_tracking.domain.masking import mask
from shipment_tracking.errors import ParamError
from shipment_tracking.warehouse import overview

SHANGHAI = ZoneInfo("Asia/Shanghai")
SHORTEST = 6
"""Characters of the end of a waybill number that are enough to look for it."""


def status(connection: Connection) -> Iterator[str]:
    """The lines about the pipeline as a whole; times are Shanghai's."""
    yield from _sections(connection, overview.STATUS)


def order(connection: Connection, number: str) -> Iterator[str]:
    """
    The lines about an order; times are Shanghai's. Of several that match, only their list.

    :param number: the ERP's key, the platform's number, a waybill number, or the end of one.
    :raises ParamError: no order has it.
    """
    found = overview.find_orders(connection, number.strip(), shortest=SHORTEST)
    if not found:
        raise ParamError(
            f"no order has the ERP key, platform number or waybill number {number!r}; the end of a "
            f"waybill number must have {SHORTEST} characters or more"
        )
    if len(found) > 1:
        yield f"{len(found)} orders match {number}; give one of these platform numbers:"
        names = [field.name for field in fields(overview.FoundOrder)][1:]
        yield from table([[getattr(row, name) for name in names] for row in found], names)
        return
    row = found[0]
    yield f"Order {row.platform_order_id} of {row.account}, {row.status}"
    yield from _sections(connection, overview.ORDER, **asdict(row))


def table(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> Iterator[str]:
    """The rows in columns below their names; columns without a value are left out."""
    cells = [[_cell(value) for value in row] for row in rows]
    used = [place for place in range(len(names)) if any(row[place] for row in cells)]
    lines = [[names[place].replace("_", " ") for place in used]]
    lines += [[row[place] for place in used] for row in cells]
    widths = [max(_width(line[place]) for line in lines) for place in range(len(used))]
    for line in lines:
        padded = (
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        )
        yield "  " + "  ".join(padded).rstrip()


def _sections(connection: Connection, sections: dict[str, str], **binds: Any) -> Iterator[str]:
    for title, name in sections.items():
        found = overview.table(connection, name, **binds)
        yield ""
        yield title + ("" if found.rows else ": none")
        if found.rows:
            yield from table(found.rows, found.names)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    return mask(" ".join(str(value).split())) if isinstance(value, str) else str(value)


def _width(text: str) -> int:
    """Columns in a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)
