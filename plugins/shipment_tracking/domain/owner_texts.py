"""
The owner's own readings of texts: ``texts.csv`` in ``$SHIPMENT_TRACKING_INCLUDE``.

Its first line is ``text,status,sign_kind``; more columns, as ``shipment-tracking texts`` prints
them, are not read. A line reads a text of that list; ``sign_kind`` may be empty.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import OwnerTextsError
from shipment_tracking.statements import include_rows

OWNER_FOLDER = "SHIPMENT_TRACKING_INCLUDE"
SIGN_KINDS = ("self", "family", "agency", "station", "locker", "platform", "text")
_HEAD = ["text", "status", "sign_kind"]
_NO_LINES: dict[str, tuple[Status, str | None]] = {}


def lines() -> Mapping[str, tuple[Status, str | None]]:
    """
    The status and kind of signature of each normalised text.

    :raises OwnerTextsError: the file has a mistake; the text names the line.
    """
    folder = os.environ.get(OWNER_FOLDER)
    if not folder:
        return _NO_LINES
    path = f"{folder}/texts.csv"
    try:
        changed = os.stat(path).st_mtime_ns
    except OSError:
        return _NO_LINES
    return _read(path, changed)


@lru_cache(maxsize=4)
def _read(path: str, changed: int) -> dict[str, tuple[Status, str | None]]:
    rows = include_rows(Path(path), OwnerTextsError)
    _, head = next(rows, (1, []))
    if head[: len(_HEAD)] != _HEAD:
        raise OwnerTextsError(f"{path}, line 1: it must be {','.join(_HEAD)}")
    found: dict[str, tuple[Status, str | None]] = {}
    for number, row in rows:
        if not row:
            continue
        where = f"{path}, line {number}"
        if len(row) != len(head):
            raise OwnerTextsError(
                f"{where}: {len(row)} fields instead of {','.join(head)}; quote a text with commas"
            )
        text, status, kind = (field.strip() for field in row[: len(_HEAD)])
        key = normalise(text)
        if not key:
            raise OwnerTextsError(f"{where}: the text is empty")
        if status not in set(Status):
            raise OwnerTextsError(
                f"{where}: {status!r} is not a status; statuses are {', '.join(Status)}"
            )
        if kind and (kind not in SIGN_KINDS or status != Status.SIGNED):
            raise OwnerTextsError(
                f"{where}: sign_kind is {kind!r}; it must be empty, or for signed one of "
                f"{', '.join(SIGN_KINDS)}"
            )
        if key in found:
            raise OwnerTextsError(f"{where}: this text has a line already; delete one of the two")
        found[key] = (Status(status), kind or None)
    return found
