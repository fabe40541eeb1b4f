"""
One code and one name for each carrier, however a platform calls it.

The table is ``include/carriers.csv``; an owner's own file of that place wins. The command
``shipment-tracking carriers`` lists what the table lacks, and refreshes it.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from shipment_tracking.errors import CarrierTableError
from shipment_tracking.statements import include_path, include_rows

PLACE = "carriers.csv"
_HEAD = ["code", "name", "aliases"]
_BRACKETS = re.compile(r"[（(【\[].*")
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Carrier:
    """A row of the table; ``aliases`` are all other names and codes it goes by."""

    code: str
    name: str
    aliases: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Everything it goes by."""
        return (self.code, self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The table after a list of companies was read into it."""

    table: tuple[Carrier, ...]
    new: tuple[Carrier, ...]
    changed: tuple[Carrier, ...]


def resolve(code: str | None, name: str | None) -> tuple[str | None, str | None]:
    """
    The carrier's own code and name; what the table does not know is given back as it is.

    The name decides, for platforms use one code for several carriers: 1688 sends HTKY, once 百世's,
    with 极兔速递. The code counts only where there is no name.
    """
    known = find(code, name)
    return (known.code, known.name) if known else (code, name)


def find(code: str | None, name: str | None) -> Carrier | None:
    """The row of the table that ``resolve`` takes; none if it does not know the carrier."""
    path = include_path(PLACE)
    return _read(path, path.stat().st_mtime_ns)[1].get(_key(name or "") or _key(code or ""))


def load() -> tuple[Carrier, ...]:
    """
    All rows of the table, the owner's if there is one.

    :raises CarrierTableError: a line is incomplete, or says what another line says already.
    """
    path = include_path(PLACE)
    return _read(path, path.stat().st_mtime_ns)[0]


def refresh(table: Iterable[Carrier], reply: Mapping[str, Any]) -> Refreshed:
    """
    Read 1688's list of companies into the table; nothing is ever taken out of it.

    A code that another carrier goes by already stays with that one.

    :param reply: of ``alibaba.logistics.OpQueryLogisticCompanyList``.
    :raises CarrierTableError: the reply is not such a list.
    """
    before = tuple(table)
    rows = list(before)
    owner = {_key(word): number for number, row in enumerate(rows) for word in row.words}
    for name, words in _companies(reply):
        number = owner.get(_key(name))
        free = tuple({_key(word): word for word in words if _key(word) not in owner}.values())
        if number is not None:
            rows[number] = replace(rows[number], aliases=(*rows[number].aliases, *free))
        elif free:
            number = len(rows)
            rows.append(Carrier(free[0], name, free[1:]))
        else:
            continue
        owner |= dict.fromkeys(map(_key, rows[number].words), number)
    return Refreshed(
        table=tuple(rows),
        new=tuple(rows[len(before) :]),
        changed=tuple(now for then, now in zip(before, rows, strict=False) if then != now),
    )


def as_csv(table: Iterable[Carrier]) -> str:
    """The table as its file holds it."""
    written = StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(_HEAD)
    lines.writerows((row.code, row.name, " ".join(row.aliases)) for row in table)
    return written.getvalue()


def _companies(reply: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Each company's name, and what else it goes by: its number, then its spelling."""
    rows = reply.get("result")
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and row.get("companyName") for row in rows
    ):
        raise CarrierTableError(
            "not a list of companies: the reply of alibaba.logistics.OpQueryLogisticCompanyList"
            " has a result of rows with companyName"
        )
    return [
        (
            _plain(str(row["companyName"])),
            [
                word
                for field in ("companyNo", "spelling")
                if (word := _BLANKS.sub("", str(row.get(field) or "")))
            ],
        )
        for row in rows
    ]


def _plain(name: str) -> str:
    """A name without what stands in brackets behind it, and without blanks."""
    return _BLANKS.sub("", _BRACKETS.sub("", name) or name)


def _key(word: str) -> str:
    return _plain(word).casefold()


@cache
def _read(path: Path, changed: int) -> tuple[tuple[Carrier, ...], dict[str, Carrier]]:
    """The rows, and each of them by everything it goes by."""
    (_, head), *lines = list(include_rows(path, CarrierTableError)) or [(1, [])]
    if head != _HEAD:
        raise CarrierTableError(f"{path}: its first line must be {','.join(_HEAD)}")
    rows: list[Carrier] = []
    known: dict[str, Carrier] = {}
    for number, line in lines:
        if not line:
            continue
        if len(line) != len(_HEAD) or not line[0].strip() or not line[1].strip():
            raise CarrierTableError(f"{path}, line {number}: a code and a name are needed")
        row = Carrier(line[0].strip(), line[1].strip(), tuple(line[2].split()))
        for word in dict.fromkeys(map(_key, row.words)):
            if word in known:
                raise CarrierTableError(
                    f"{path}, line {number}: {word} is {known[word].name} already"
                )
            known[word] = row
        rows.append(row)
    return tuple(rows), known
