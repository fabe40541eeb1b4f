"""Brings the warehouse to the schema this version of the code works with."""

import logging
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from psycopg.errors import (
    DependentObjectsStillExist,
    DuplicateTable,
    InsufficientPrivilege,
    InvalidTableDefinition,
)
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from shipment_tracking.domain.findings import Finding
from shipment_tracking.errors import StatementError, WarehouseRefusedError
from shipment_tracking.statements import include_folder, include_text, query, statement_path

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
OLDEST_SERVER = 140000
ROLES = ("tracking_owner", "tracking_writer", "analytics_reader")
CANNOT_REPLACE = (InvalidTableDefinition, DuplicateTable)
"""What PostgreSQL raises for other columns, and for a text that does not say ``or replace``."""


def upgrade(warehouse: Engine) -> str:
    """
    Create or upgrade the schemas ``tracking`` and ``analytics``; one select when all is well.

    Several may run at once: one does the work, the others wait and find it done.

    :returns: the schema version now in place.
    :raises WarehouseRefusedError: it is not PostgreSQL 14 or newer, it is newer than this code, or
        the user may not create what is missing, or others use a view that must be dropped; the text
        says what to do.
    :raises StatementError: PostgreSQL does not understand an owner's view.
    """
    if warehouse.dialect.name != "postgresql":
        raise WarehouseRefusedError(
            f"the warehouse is {warehouse.dialect.name}; connection warehouse_db must be "
            "PostgreSQL 14 or newer"
        )
    wanted = f"{_newest_version()} {_views_digest()}"
    with warehouse.begin() as connection:
        if _present_version(connection) == wanted:
            return wanted
    with warehouse.begin() as connection:
        _refuse_old_server(connection)
        connection.execute(query("upgrade.lock"))
        present = _present_version(connection)
        if present != wanted:
            _upgrade(connection, present, wanted)
            log.info("warehouse brought from %s to %s", present or "nothing", wanted)
    return wanted


def check(warehouse: Engine) -> Iterator[Finding]:
    """
    Whether ``upgrade`` would find all well; nothing is changed.

    :raises DBAPIError: the database cannot be reached.
    """
    wanted = f"{_newest_version()} {_views_digest()}"
    with warehouse.connect() as connection:
        version = connection.execute(text("show server_version")).scalar_one()
        try:
            _refuse_old_server(connection)
        except WarehouseRefusedError as error:
            yield Finding("server", False, str(error))
        else:
            yield Finding("server", True, note=f"PostgreSQL {version}")
        present = _present_version(connection)
    if present == wanted:
        yield Finding("schema", True, note=f"version {wanted.partition(' ')[0]} is up to date")
        return
    try:
        _refuse_newer_schema(present, wanted)
    except WarehouseRefusedError as error:
        yield Finding("schema", False, str(error))
    else:
        there = f"version {present.partition(' ')[0]} is out of date" if present else "is missing"
        yield Finding("schema", True, f"the schema {there}; the next run's create_tables makes it")


def _present_version(connection: Connection) -> str | None:
    """Schema version and digest of the views, kept as the schema's comment."""
    return connection.execute(query("upgrade.version")).scalar_one_or_none()


def _newest_version() -> str:
    return max(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("0*.py"))


def _view_files() -> list[Path]:
    shipped = sorted((include_folder() / "sql" / "analytics").glob("*.sql"))
    return [statement_path(f"analytics/{file.stem}") for file in shipped]


def _views_digest() -> str:
    digest = blake2b(digest_size=8)
    for file in _view_files():
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _refuse_old_server(connection: Connection) -> None:
    version = int(connection.execute(text("show server_version_num")).scalar_one())
    if version < OLDEST_SERVER:
        raise WarehouseRefusedError(
            f"the warehouse is PostgreSQL {version // 10000}; it must be 14 or newer"
        )


def _upgrade(connection: Connection, present: str | None, wanted: str) -> None:
    _refuse_newer_schema(present, wanted)
    try:
        if not present:
            _create_roles(connection)
            connection.execute(text("create schema if not exists tracking"))
            connection.execute(text("create schema if not exists analytics"))
        _migrate(connection)
        _create_views(connection)
        connection.exec_driver_sql(f"comment on schema tracking is '{wanted}'")
    except ProgrammingError as error:
        if not _is_forbidden(error):
            raise
        raise WarehouseRefusedError(_how_to_permit(connection.engine, error)) from error


def _refuse_newer_schema(present: str | None, wanted: str) -> None:
    present_version = present.partition(" ")[0] if present else ""
    if present_version > wanted.partition(" ")[0]:
        raise WarehouseRefusedError(
            f"the warehouse has schema version {present_version}, newer than this code's "
            f"{wanted.partition(' ')[0]}: install the newer shipment_tracking, or point "
            "warehouse_db at another database"
        )


def _create_roles(connection: Connection) -> None:
    found = connection.execute(
        text("select rolname from pg_roles where rolname = any(:roles)"), {"roles": list(ROLES)}
    ).scalars()
    for role in sorted(set(ROLES) - set(found)):
        connection.exec_driver_sql(
            f"do $$ begin create role {role};"
            " exception when duplicate_object or unique_violation then end $$"
        )


def _migrate(connection: Connection) -> None:
    # Alembic takes a while to import, and most runs have nothing to migrate.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _create_views(connection: Connection) -> None:
    for file in _view_files():
        try:
            _create_view(connection, file)
        except ProgrammingError as error:
            if _is_forbidden(error):
                raise
            raise StatementError(f"{file}: {_first_line(error)}") from error
    connection.exec_driver_sql(
        "grant select on all tables in schema analytics"
        " to analytics_reader, tracking_writer, tracking_owner"
    )


def _create_view(connection: Connection, file: Path) -> None:
    """Replaced, a view keeps its grants and what stands on it; with other columns it cannot be."""
    body = include_text(file, StatementError)
    try:
        with connection.begin_nested():
            _execute(connection, body)
    except DBAPIError as error:
        if not isinstance(error.orig, CANNOT_REPLACE):
            raise
        _drop_view(connection, f"analytics.{file.stem}")
        _execute(connection, body)


def _execute(connection: Connection, body: str) -> None:
    """Run statements as they stand: a percent sign is no placeholder."""
    connection.exec_driver_sql(body, execution_options={"no_parameters": True})


def _drop_view(connection: Connection, view: str) -> None:
    try:
        connection.exec_driver_sql(f"drop view {view}")
    except DBAPIError as error:
        if not isinstance(error.orig, DependentObjectsStillExist):
            raise
        raise WarehouseRefusedError(
            f"{view} has other columns now, and is not dropped while others use it: "
            f"{error.orig.diag.message_detail}. Let their owner drop or change them, then clear "
            "this task"
        ) from error


def _how_to_permit(engine: Engine, error: ProgrammingError) -> str:
    user, database = engine.url.username, engine.url.database
    commands = [f"create role {role};" for role in ROLES]
    commands += [f'grant create on database "{database}" to "{user}";']
    return (
        f"user {user} may not create what is missing in database {database} "
        f"({_first_line(error)}). As its administrator run once: {' '.join(commands)}"
    )


def _is_forbidden(error: ProgrammingError) -> bool:
    return isinstance(error.orig, InsufficientPrivilege)


def _first_line(error: ProgrammingError) -> str:
    return str(error.orig).splitlines()[0]
