"""Checks of the warehouse: queries of ``include/sql/quality`` whose rows are violations."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from shipment_tracking.domain.masking import mask
from shipment_tracking.errors import StatementError
from shipment_tracking.statements import (
    include_text,
    query,
    statement,
    statement_names,
    statement_path,
)
from shipment_tracking.warehouse.rows import JsonRows

SEVERITIES = ("error", "warning")
TIMEOUT = timedelta(seconds=30)
"""A check that takes longer is ended."""

MOST_ROWS = 3
MOST_SHOWN = 300  # characters

_HEADER = re.compile(r"(?:--[^\n]*\n)*")
_ONE_QUERY = re.compile(r"(?is)(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:select|with|values|table)\b")


@dataclass(frozen=True, slots=True)
class Result:
    """
    What came of a check.

    :param severity: one of ``SEVERITIES``; ``warning`` for a check that cannot be read.
    :param violations: rows found; none if the check could not run.
    :param error: why it could not run, with its file and line.
    """

    check_name: str
    severity: str
    meaning: str
    violations: int | None = None
    first_rows: str | None = None
    error: str | None = None

    def __str__(self) -> str:
        return self.error or (
            f"{self.check_name}: {self.violations} rows violate it ({self.meaning}), "
            f"such as {self.first_rows}"
        )


RESULTS = JsonRows(Result, "results", "quality.keep")


def check_all(warehouse: Engine, *, now: datetime, timeout: timedelta = TIMEOUT) -> list[Result]:
    """
    Run every check, ours and the owner's, each in a read-only transaction of its own.

    A check that cannot run costs only itself.

    :param now: aware; a check may bind it.
    """
    return [
        _check(warehouse, name, now=now, timeout=timeout) for name in statement_names("quality")
    ]


def keep(warehouse: Engine, results: Sequence[Result], *, now: datetime) -> None:
    """Store the results, for alerts and analysts."""
    with warehouse.begin() as connection:
        connection.execute(query("quality.keep"), RESULTS(results) | {"now": now})


def _check(warehouse: Engine, name: str, *, now: datetime, timeout: timedelta) -> Result:
    path = statement_path(f"quality/{name}")
    severity, meaning = "warning", ""
    try:
        severity, meaning = _header(path)
        found, first = _violations(warehouse, name, path, now=now, timeout=timeout)
    except StatementError as error:
        return Result(name, severity, meaning, error=mask(str(error)))
    return Result(name, severity, meaning, found, first)


def _header(path: Path) -> tuple[str, str]:
    """Severity and meaning, from the comment at the top of the file."""
    comment = _HEADER.match(include_text(path, StatementError))
    lines = [line.removeprefix("--").strip() for line in comment[0].splitlines()] if comment else []
    severity = lines[0].removeprefix("severity:").strip() if lines else ""
    if severity not in SEVERITIES:
        raise StatementError(
            f"{path}, line 1: it must begin with '-- severity: error' or '-- severity: warning', "
            "and say in the next comment lines what should hold"
        )
    return severity, " ".join(lines[1:])


def _violations(
    warehouse: Engine, name: str, path: Path, *, now: datetime, timeout: timedelta
) -> tuple[int, str | None]:
    """How many rows a check finds, and the first of them."""
    body = statement(f"quality/{name}", binds={"now"}).text
    if not _ONE_QUERY.match(body):
        raise StatementError(f"{path}: it must be one query that begins with select or with")
    before = "select count(*) over () as violations, to_jsonb(violation) as row from (\n"
    wrapped = text(f"{before}{body}\n) as violation limit {MOST_ROWS}")
    binds = {"now": now} if "now" in wrapped.compile().params else {}
    with warehouse.connect() as connection, connection.begin() as transaction:
        milliseconds = str(int(timeout / timedelta(milliseconds=1)))
        connection.execute(query("quality.read_only"), {"timeout": milliseconds})
        try:
            rows = connection.execute(wrapped, binds).all()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            raise StatementError(_place(path, body, before, error)) from error
        finally:
            transaction.rollback()
    if not rows:
        return 0, None
    shown = "; ".join(", ".join(f"{key} {value}" for key, value in row.row.items()) for row in rows)
    return int(rows[0].violations), mask(shown)[:MOST_SHOWN]


def _place(path: Path, body: str, before: str, error: DBAPIError) -> str:
    """The file, the line that the database names, and what it says."""
    diagnosis = getattr(error.orig, "diag", None)
    position = getattr(diagnosis, "statement_position", None)
    said = str(error.orig).partition("\n")[0]
    if position is None:
        return f"{path}: {said}"
    line = body.count("\n", 0, max(int(position) - 1 - len(before), 0)) + 1
    return f"{path}, line {line}: {said}"
