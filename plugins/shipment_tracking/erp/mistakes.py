"""Tells an owner's mistake in a statement from trouble of the database or of one row."""

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import CursorResult, TextClause
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)

from shipment_tracking.errors import StatementError
from shipment_tracking.statements import binds_of

DENIED = {"42501", 1044, 1142, 1143, 1227, 1370, 229, 230}
"""Codes of PostgreSQL, MySQL and SQL Server for a right that the user lacks."""

MISTAKES = DENIED | {1052, 1054, 1109, 1110, 1111, 1136, 1247, 1288, 1305, 1318, 102, 207, 208}
"""What drivers of MySQL and SQL Server do not call a programming error, such as unknown names."""

OF_ONE_ROW = {"21000", "P0001", "P0002", "P0003", "P0004", 1172, 1242, 1644, 512, 50000}
"""
Codes of PostgreSQL, MySQL and SQL Server for what the ERP's own functions and triggers raise, and
for a subquery that finds several rows where one is needed.
"""

_SQLITE = re.compile(
    r"near \"|no such |ambiguous |incomplete input|unrecognized token|wrong number of arguments"
    r"|misuse of |table .* has |.* values for .* columns|cannot modify |attempt to write a readonly"
)
_POSTGRES_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_MYSQL_LINE = re.compile(r" at line (\d+)\b")
_AS_TEXT = "(?:text|character varying)"
_NEEDS_CAST = re.compile(
    rf"operator does not exist: (?P<compared>[\w ]+?) [=<>!]+ {_AS_TEXT}"
    rf"|is of type (?P<set>[\w ]+?) but expression is of type {_AS_TEXT}"
)


def mistake_in(path: Path, statement: TextClause, error: DBAPIError) -> StatementError | None:
    """
    The error for a statement's owner, with file and line; none where the statement is not at fault.

    What a trigger, a function or a policy of the ERP raises is about one row.
    """
    if error.connection_invalidated or not _is_mistake(error):
        return None
    line = _line(statement, str(error.orig))
    if _is_denied(error):
        return StatementError(
            f"{_place(path, line)}: the ERP does not let us: {first_line(error)}; "
            "give the user of connection erp_db that right"
        )
    return StatementError(
        f"{_place(path, line)}: the ERP cannot run it: {first_line(error)}"
        f"{_cast(statement, line, str(error.orig))}; correct it, then run: "
        "shipment-tracking check erp_db"
    )


def refused(path: Path, error: DBAPIError) -> StatementError:
    """The error for a statement that meets a value which it cannot read."""
    return StatementError(
        f"{path}: the ERP cannot read a value with it: {first_line(error)}; correct it, then run: "
        "shipment-tracking check erp_db"
    )


def require(
    path: Path,
    result: CursorResult[object],
    columns: Collection[str],
    *,
    optional: Collection[str] = (),
) -> None:
    """
    Check what a statement returns.

    :param optional: columns that it may return, too.
    :raises StatementError: it returns no rows, lacks a column, or returns one twice.
    """
    if not result.returns_rows:
        raise StatementError(f"{path} reads nothing; it must be a select")
    names = list(result.keys())
    missing = [name for name in columns if name not in names]
    if missing:
        raise StatementError(
            f"{path} does not return {', '.join(missing)}; it returns {', '.join(names)}"
        )
    read = {*columns, *optional}
    twice = [name for name, count in Counter(names).items() if count > 1 and name in read]
    if twice:
        raise StatementError(
            f"{path} returns {', '.join(twice)} twice, so nobody can tell which is meant; "
            "leave one out or rename it"
        )


def is_of_one_row(error: DBAPIError) -> bool:
    """Whether a statement fails by a value of the row that it met, and not by itself."""
    return isinstance(error, DataError | IntegrityError) or not OF_ONE_ROW.isdisjoint(_codes(error))


def first_line(error: DBAPIError) -> str:
    """What the driver says, without the statement."""
    return str(error.orig).partition("\n")[0]


def _is_mistake(error: DBAPIError) -> bool:
    cause = error.orig
    diagnosis = getattr(cause, "diag", None)
    if (
        is_of_one_row(error)
        or getattr(diagnosis, "context", None)
        or "row-level security" in str(cause)
    ):
        return False
    if isinstance(error, ProgrammingError | NotSupportedError):
        return True
    return not MISTAKES.isdisjoint(_codes(error)) or (
        hasattr(cause, "sqlite_errorcode") and bool(_SQLITE.match(str(cause)))
    )


def _is_denied(error: DBAPIError) -> bool:
    return not DENIED.isdisjoint(_codes(error)) or "write a readonly" in str(error.orig)


def _codes(error: DBAPIError) -> set[object]:
    cause = error.orig
    assert cause is not None
    return {getattr(cause, "sqlstate", None), *cause.args[:1]}


def _place(path: Path, line: int | None) -> str:
    return f"{path}, line {line}" if line else f"{path}"


def _line(statement: TextClause, message: str) -> int | None:
    """The line of the file that the database tells."""
    if found := _POSTGRES_LINE.search(message):
        return int(found[1])
    if found := _MYSQL_LINE.search(message):
        # MySQL counts from where the statement begins.
        above = statement.text[: len(statement.text) - len(statement.text.lstrip())]
        return int(found[1]) + above.count("\n")
    return None


def _cast(statement: TextClause, line: int | None, message: str) -> str:
    """How to write a bound text where the database wants another type."""
    found = _NEEDS_CAST.search(message)
    if not found:
        return ""
    lines = statement.text.splitlines()
    bound = binds_of(lines[line - 1]) if line else set()
    name = bound.pop() if len(bound) == 1 else "erp_key"
    return (
        f" (values are bound as text: write cast(:{name} as {found['compared'] or found['set']}))"
    )
