"""Airflow's connections, read so that every error about one names it."""

import json
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from shipment_tracking.errors import ConnectionFieldError

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import URL, Engine
    from sqlalchemy.engine import ExceptionContext

POSTGRES_EXTRAS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
PACKAGES = {"pymssql": "shipment-tracking[mssql]"}
"""What installs a driver, where it has another name."""


def find(conn_id: str) -> "Connection":
    """
    The connection of an id.

    :raises AirflowNotFoundException: there is none.
    :raises ConnectionFieldError: its environment variable is unreadable, and it is nowhere else.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        # To Airflow a connection that it cannot read is none.
        variable = f"AIRFLOW_CONN_{conn_id.upper()}"
        if os.environ.get(variable):
            raise ConnectionFieldError(
                f"connection {conn_id}: {variable} cannot be read; it must be a JSON object such "
                'as {"conn_type": "postgres", "host": "..."}, or an address'
            ) from error
        raise


@contextmanager
def refuse_unknown(conn_id: str) -> Iterator[None]:
    """:raises ConnectionFieldError: what is done inside finds no such connection."""
    try:
        yield
    except AirflowNotFoundException as error:
        raise ConnectionFieldError(
            f"connection {conn_id}: not defined, neither as AIRFLOW_CONN_{conn_id.upper()} nor in "
            "the database or secrets backend of this machine's Airflow"
        ) from error


def extra_of(connection: "Connection", *, known: Collection[str] | None = None) -> dict[str, Any]:
    """
    The extra of a connection.

    :param known: the fields it may have.
    :raises ConnectionFieldError: it is no JSON object, or has another field.
    """
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ConnectionFieldError(
            f"connection {connection.conn_id}: extra is not a JSON object; write it like "
            '{"field": "value"}'
        )
    unknown = sorted(extra.keys() - set(known)) if known is not None else []
    if unknown:
        raise ConnectionFieldError(
            f"connection {connection.conn_id}: extra has unknown fields {', '.join(unknown)}; "
            f"known are {', '.join(known or ()) or 'none'}"
        )
    return connection.extra_dejson  # the same, but from now on kept out of the logs


def as_query(extra: dict[str, Any], fields: Collection[str]) -> dict[str, str]:
    """Those fields of an extra that are set, as a database's address takes them."""
    return {field: str(extra[field]) for field in fields if extra.get(field) not in (None, "")}


def postgres_query(
    conn_id: str, extra: dict[str, Any], fields: Collection[str] = POSTGRES_EXTRAS
) -> dict[str, str]:
    """
    As ``as_query``, of a PostgreSQL: its driver would blame the server for a wrong value.

    :raises ConnectionFieldError: sslmode or connect_timeout has a value that is not allowed.
    """
    query = as_query(extra, fields)
    mode, timeout = query.get("sslmode", SSL_MODES[0]), query.get("connect_timeout", "1")
    if mode not in SSL_MODES:
        raise ConnectionFieldError(
            f"connection {conn_id}: extra sslmode is {mode!r}; it must be one of "
            f"{', '.join(SSL_MODES)}"
        )
    if not re.fullmatch("[0-9]{1,6}", timeout):
        raise ConnectionFieldError(
            f"connection {conn_id}: extra connect_timeout is {timeout!r}; it must be a whole "
            "number of seconds, such as 10"
        )
    return query


def about_database(error: BaseException) -> str | None:
    """The line of an error of ``open_engine``'s engine, with its connection; else none."""
    about = getattr(error, "detail", None)
    original = getattr(error, "orig", None)
    if isinstance(about, list) and about and original is not None:
        return f"{'; '.join(map(str, about))}: {str(original).partition(chr(10))[0]}"
    return None


def open_engine(conn_id: str, url: "URL", **options: Any) -> "Engine":
    """
    An engine that keeps no connection between two transactions, and whose errors name it.

    :raises ConnectionFieldError: there is no such driver or SQLite file here.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import ArgumentError
    from sqlalchemy.pool import NullPool

    from shipment_tracking.warehouse.rows import ABOUT

    try:
        engine = create_engine(
            url,
            poolclass=NullPool,
            hide_parameters=True,
            execution_options={ABOUT: f"connection {conn_id}"},
            **options,
        )
    except ImportError as error:
        package = PACKAGES.get(error.name or "", error.name)
        remedy = f": pip install '{package}'" if package else ""
        raise ConnectionFieldError(
            f"connection {conn_id}: its driver cannot be loaded here ({error}){remedy}"
        ) from error
    except ArgumentError as error:
        raise ConnectionFieldError(
            f"connection {conn_id}: SQLAlchemy knows no database {url.drivername}"
        ) from error

    _refuse_missing_file(conn_id, url)

    @event.listens_for(engine, "handle_error")
    def name_connection(context: "ExceptionContext") -> None:
        if context.sqlalchemy_exception is None:
            return
        about = f"connection {conn_id}"
        if context.connection is None:
            about += (
                ": its database cannot be reached; see that it runs, that this machine may "
                "connect, and that host, port, login, password and schema are right"
            )
        context.sqlalchemy_exception.add_detail(about)

    return engine


def _refuse_missing_file(conn_id: str, url: "URL") -> None:
    """SQLite would create an empty database in place of a file that is missing."""
    file = url.database or ""
    if url.get_backend_name() != "sqlite" or file.startswith((":memory:", "file:")):
        return
    if not Path(file).is_file():
        raise ConnectionFieldError(
            f"connection {conn_id}: its SQLite file {file!r} does not exist on this machine; "
            "correct the path (host, or sqlalchemy_url)"
        )
