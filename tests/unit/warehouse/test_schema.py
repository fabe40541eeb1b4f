"""The migrations build just the tables that ``warehouse/schema.py`` describes."""

import re

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Engine, Text, text

from shipment_tracking.warehouse.schema import metadata


def differences(engine: Engine) -> list:
    """What alembic would have to change for the warehouse to be as the model says."""
    opts = {"include_schemas": True, "compare_type": True, "compare_server_default": True}
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)
    return [each for each in found if not re.search("comment|schema_version", str(each))]


def test_the_migrations_agree_with_the_model(warehouse):
    assert differences(warehouse) == []


def test_a_column_the_migrations_lack_is_found(warehouse):
    table = metadata.tables["tracking.run"]
    table.append_column(Column("planted", Text))
    try:
        assert "planted" in str(differences(warehouse))
    finally:
        table._columns.remove(table.c.planted)


def test_the_conditions_of_indexes_agree(warehouse):
    declared = {
        index.name: folded(str(index.dialect_options["postgresql"]["where"]))
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["postgresql"]["where"] is not None
    }
    with warehouse.connect() as connection:
        rows = connection.execute(
            text(
                "select indexrelid::regclass::text, pg_get_expr(indpred, indrelid) from pg_index"
                " where indpred is not null and indrelid::regclass::text like 'tracking.%'"
            )
        ).all()

    assert {name.removeprefix("tracking."): folded(where) for name, where in rows} == declared


def folded(condition: str) -> str:
    return re.sub(r"::\w+|[() ]", "", condition).lower()
