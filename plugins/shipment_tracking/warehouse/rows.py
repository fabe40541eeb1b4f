"""
Rows to and from the warehouse's statements: dataclasses, by column name and never by position.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import Connection

from shipment_tracking.statements import query

Row = TypeVar("Row")


def fetch(connection: Connection, name: str, row: type[Row], **binds: Any) -> list[Row]:
    """
    The rows of a statement, each as a dataclass.

    :param name: as ``statements.query`` takes it.
    :param row: has a field for each column.
    """
    result = connection.execute(query(name), binds)
    return [row(**found) for found in result.mappings()]


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
