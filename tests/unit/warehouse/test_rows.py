"""What is passed into a statement as JSON has just the fields that the statement declares."""

import importlib
import pkgutil
import re
import types
from dataclasses import dataclass, fields
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from sqlalchemy.exc import ProgrammingError

import shipment_tracking.steps
import shipment_tracking.warehouse
from shipment_tracking.statements import include_folder, queries
from shipment_tracking.warehouse.rows import ABOUT, JsonRows, copy, fetch

for package in (shipment_tracking.warehouse, shipment_tracking.steps):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not module.ispkg:
            importlib.import_module(module.name)

RECORDSET = re.compile(r"jsonb_to_recordset\(cast\(:(\w+) as jsonb\)\)\s+as \w+ \(([^()]*)\)")
TYPES = {
    "bigint": "int",
    "integer": "int",
    "double precision": "float",
    "numeric": "Decimal",
    "text": "str",
    "boolean": "bool",
    "timestamptz": "datetime",
    "uuid": "UUID",
    "text[]": "Sequence",
    "jsonb": "Any",
}


def declared() -> dict[tuple[str, str], list[dict[str, str]]]:
    """Columns with their types, by statement and bind; a statement may read one bind twice."""
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for file in sorted((include_folder() / "sql" / "warehouse").glob("*.sql")):
        for name, body in queries(file).items():
            for bind, listed in RECORDSET.findall(body):
                columns = dict(each.split(maxsplit=1) for each in listed.strip().split(","))
                found.setdefault((f"{file.stem}.{name}", bind), []).append(
                    {column: kind.strip() for column, kind in columns.items()}
                )
    return found


def kind_of(hint: Any) -> str:
    """The name of a field's type, without the None that it may be."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    return str(getattr(get_origin(hint) or hint, "__name__", hint))


ALL = [(rows, name) for rows in JsonRows.declared for name in rows.statements]


def test_every_json_value_has_a_dataclass():
    assert {(name, rows.bind) for rows, name in ALL} == set(declared())


@pytest.mark.parametrize(("rows", "name"), ALL, ids=[f"{name}-{rows.bind}" for rows, name in ALL])
def test_a_statement_declares_fields_of_its_rows(rows, name):
    hints = get_type_hints(rows.row)

    for columns in declared()[name, rows.bind]:
        assert set(columns) <= set(hints)
        for column, kind in columns.items():
            if TYPES[kind] != "Any":
                assert kind_of(hints[column]) in (TYPES[kind], "Status"), column


@pytest.mark.parametrize("rows", JsonRows.declared, ids=lambda rows: rows.row.__name__)
def test_no_field_is_passed_in_vain(rows):
    read = {
        column
        for name in rows.statements
        for columns in declared()[name, rows.bind]
        for column in columns
    }

    assert {field.name for field in fields(rows.row)} - read - {"given_again_at"} == set()


@dataclass(frozen=True)
class Failing:
    """The columns of a statement in another order than it returns them."""

    open: int
    failing: int
    reason: str


def test_rows_are_read_by_name(warehouse, execute):
    execute(
        "insert into tracking.tracked_order (platform, account, platform_order_id, first_seen_at,"
        " last_error) values ('1688', 'a', '1', now(), 'refused')"
    )
    with warehouse.connect() as connection:
        rows = fetch(connection, "lanes.failing_alike", Failing, account="a")

    assert rows == [Failing(reason="refused", failing=1, open=1)]


def test_a_copy_that_fails_names_its_connection(warehouse):
    engine = warehouse.execution_options(**{ABOUT: "connection warehouse_db"})

    with pytest.raises(ProgrammingError) as caught, engine.begin() as connection:
        copy(connection, "loading.copy", [])

    assert caught.value.detail == ["connection warehouse_db"]
