"""
Rows to and from the warehouse's statements: dataclasses, by column name and never by position.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, ClassVar, Generic, TypeVar

import psycopg
from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from shipment_tracking.statements import query

Row = TypeVar("Row")

ABOUT = "about"
"""The execution option of an engine that says which connection it is of."""

UNSTORABLE = (DataError, IntegrityError, ProgrammingError)
"""What storing raises for values that the warehouse cannot hold, and not for its own trouble."""


def fetch(connection: Connection, name: str, row: type[Row], **binds: Any) -> list[Row]:
    """
    The rows of a statement, each as a dataclass.

    :param name: as ``statements.query`` takes it.
    :param row: has a field for each column.
    """
    return _as(row, connection.execute(query(name), binds))


def fetch_sorted(
    connection: Connection, name: str, row: type[Row], sort: str, **binds: Any
) -> list[Row]:
    """
    The rows of a statement that says ``order by :sort``.

    :param name, row: as ``fetch`` takes them.
    :param sort: columns of ours and their directions; never data.
    """
    return _as(row, connection.execute(query(name, sort=sort), binds))


def _as(row: type[Row], result: CursorResult[Any]) -> list[Row]:
    return [row(**found) for found in result.mappings()]


def copy(connection: Connection, name: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """
    Run a COPY statement.

    :param name: as ``statements.query`` takes it.
    :param rows: with their values in the order of its columns.
    :raises DBAPIError: as any other statement; it names the engine's connection.
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    command = str(query(name))
    try:
        with driver.cursor() as cursor, cursor.copy(command) as target:
            for row in rows:
                target.write_row(row)
    except psycopg.Error as error:
        failure = DBAPIError.instance(command, None, error, psycopg.Error, hide_parameters=True)
        if about := connection.get_execution_options().get(ABOUT):
            failure.add_detail(about)
        raise failure from error


def said_by(error: Exception) -> str:
    """What the database, or else the error itself, says in its first line."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


class JsonRows(Generic[Row]):
    """
    Rows that statements take as one JSON value.

    A test compares the fields of ``row`` with the columns that the statements declare for it.

    :param row: a dataclass.
    :param bind: the name of the value.
    :param statements: every statement that takes it.
    """

    declared: ClassVar[list["JsonRows[Any]"]] = []

    def __init__(self, row: Callable[..., Row], bind: str, *statements: str) -> None:
        self.row = row
        self.bind = bind
        self.statements = statements
        self._names = [field.name for field in fields(row)]  # type: ignore[arg-type]
        self.declared.append(self)

    def __call__(self, rows: Iterable[Row]) -> dict[str, str]:
        """The bind and its value."""
        values = [{name: getattr(row, name) for name in self._names} for row in rows]
        return {self.bind: json.dumps(values, default=str, ensure_ascii=False)}
