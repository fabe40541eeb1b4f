"""The ERP from the connection ``erp_db``."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow.sdk import BaseHook

from shipment_tracking.domain.hosts import has_bare_at
from shipment_tracking.errors import ConnectionFieldError
from shipment_tracking.hooks.connection_hook import (
    POSTGRES_EXTRAS,
    as_query,
    extra_of,
    find,
    open_engine,
    postgres_query,
    refuse_unknown,
)

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import URL

    from shipment_tracking.erp.port import Endpoint, Erp
    from shipment_tracking.erp.sql import SqlErp

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mssql": "mssql+pymssql",
}
ERP_POSTGRES_EXTRAS = (*POSTGRES_EXTRAS, "client_encoding")
MYSQL_SSL = ("ca", "cert", "key", "check_hostname")
MYSQL_EXTRAS = tuple(f"ssl_{name}" for name in MYSQL_SSL)
EXTRAS: dict[str, tuple[str, ...]] = {
    "postgres": ERP_POSTGRES_EXTRAS,
    "postgresql": ERP_POSTGRES_EXTRAS,
    "mysql": (*MYSQL_EXTRAS, "ssl"),
    "sqlite": (),
    "mssql": (),
    "generic": ("sqlalchemy_url",),
}
"""The types that the ERP may be of, and what their extra may hold beside the common fields."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """
    What writes to the ERP. Reading is by SQL, whatever writes.

    :param module: its ``open_erp(reader, fields)`` makes the ERP.
    :param fields: what it needs of the extra of ``erp_db``; ``write_conn_id`` is given to it as
        the ``Endpoint`` of that connection.
    """

    module: str
    fields: tuple[str, ...] = ()


OFF = "off"
ADAPTERS: Mapping[str, Adapter] = {
    OFF: Adapter("shipment_tracking.erp.sql"),
    "sql": Adapter("shipment_tracking.erp.sql"),
}
"""What extra ``write`` may say."""


class ErpHook(BaseHook):
    """
    Open the ERP's database.

    :param erp_conn_id: Airflow connection of type postgres, mysql, sqlite or mssql, or generic with
        the extra ``sqlalchemy_url``; extra ``timezone`` says what times without an offset mean
        there (default Asia/Shanghai). Without the extra ``"write": "sql"`` nothing is written to
        it, nor sent to anybody (shadow mode).
    """

    def __init__(
        self, erp_conn_id: str = "erp_db", *, adapters: Mapping[str, Adapter] = ADAPTERS
    ) -> None:
        super().__init__()
        self.erp_conn_id = erp_conn_id
        self.adapters = adapters

    def get_conn(self) -> "SqlErp":
        """
        The database, read and written by SQL; it connects on first use.

        :raises ConnectionFieldError: another type, or a field that cannot be used.
        """
        from shipment_tracking.erp.sql import SqlErp

        connection, extra = self._read()
        timezone = self._timezone(extra.get("timezone", "Asia/Shanghai"))
        url = self._url(connection, str(connection.conn_type), extra)
        return SqlErp(open_engine(self.erp_conn_id, url), timezone)

    def get_erp(self) -> "Erp":
        """
        The ERP as the extra ``write`` says; it connects on first use.

        :raises ConnectionFieldError: as ``get_conn``, or what writes lacks a field.
        """
        _, extra = self._read()
        adapter = self.adapters[self._write(extra)]
        fields = {name: self._field(extra, name) for name in adapter.fields}
        erp: Erp = import_module(adapter.module).open_erp(self.get_conn(), fields)
        return erp

    def may_write(self) -> bool:
        """
        Whether anything may be written to the ERP, or sent to anybody.

        :raises ConnectionFieldError: the connection does not say it.
        """
        _, extra = self._read()
        return self._write(extra) != OFF

    def _read(self) -> tuple["Connection", dict[str, Any]]:
        connection = find(self.erp_conn_id)
        if connection.conn_type not in EXTRAS:
            raise self._error(
                f"is of type {connection.conn_type}; the ERP may be postgres, mysql, sqlite or "
                "mssql, or generic with the extra sqlalchemy_url"
            )
        known = ["timezone", "write", *EXTRAS[connection.conn_type]]
        known += sorted({name for adapter in self.adapters.values() for name in adapter.fields})
        extra = extra_of(connection, known=known)
        self._write(extra)
        return connection, extra

    def _write(self, extra: dict[str, Any]) -> str:
        write = extra.get("write")
        if write in (None, ""):
            return OFF
        if not isinstance(write, str) or write not in self.adapters:
            raise self._error(
                f"extra write is {write!r}; it must be one of "
                f"{', '.join(map(repr, self.adapters))}: with 'off', the default, nothing is "
                "written or sent"
            )
        return write

    def _field(self, extra: dict[str, Any], name: str) -> Any:
        value = extra.get(name)
        if value in (None, ""):
            raise self._error(f"extra {name} is missing, which write {extra['write']!r} needs")
        return _endpoint(value) if name == "write_conn_id" else value

    def _url(self, connection: "Connection", kind: str, extra: dict[str, Any]) -> "URL":
        from sqlalchemy import URL

        if kind == "sqlite":
            # Airflow keeps the file's path in "host"; a leading slash is lost from a URI.
            return URL.create("sqlite", database=connection.host or connection.schema)
        if kind == "generic":
            return self._generic(extra.get("sqlalchemy_url"))
        return URL.create(
            DRIVERS[kind],
            username=connection.login,
            password=connection.password,
            host=connection.host,
            port=connection.port,
            database=connection.schema,
            query=self._query(kind, extra),
        )

    def _query(self, kind: str, extra: dict[str, Any]) -> dict[str, str]:
        if kind == "mysql":
            return self._mysql_query(extra)
        if kind == "mssql":
            return {}
        # Else psycopg takes the database's own encoding: of SQL_ASCII it gives bytes for text.
        query = postgres_query(self.erp_conn_id, extra, ERP_POSTGRES_EXTRAS)
        return {"client_encoding": "utf8", **query}

    def _generic(self, url: Any) -> "URL":
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        if not url:
            raise self._error("is of type generic, but its extra sqlalchemy_url is missing")
        try:
            address = make_url(url)
        except (ArgumentError, ValueError):
            # The cause may hold the password.
            raise self._error(
                "extra sqlalchemy_url is not the address of a database; write it like "
                "mysql+pymysql://login:password@host:3306/schema"
            ) from None
        if has_bare_at(address.host, address.database):
            raise self._error(
                "extra sqlalchemy_url has one @ too many; write an @ of the login or password as "
                "%40"
            )
        return address

    def _mysql_query(self, extra: dict[str, Any]) -> dict[str, str]:
        ssl = extra.get("ssl") or {}  # as Airflow's own hook has them
        if not isinstance(ssl, dict) or not ssl.keys() <= set(MYSQL_SSL):
            raise self._error(f"extra ssl must be an object of some of {', '.join(MYSQL_SSL)}")
        flat = {f"ssl_{name}": value for name, value in ssl.items()}
        query = as_query(extra | flat, MYSQL_EXTRAS)
        for name in ("ssl_ca", "ssl_cert", "ssl_key"):
            if name in query and not Path(query[name]).is_file():
                raise self._error(f"extra {name} is {query[name]!r}, which is not a file here")
        return {"charset": "utf8mb4", **query}

    def _timezone(self, zone: Any) -> ZoneInfo:
        try:
            return ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
            raise self._error(
                f"extra timezone {zone!r} is not a time zone; write it like Asia/Shanghai"
            ) from error

    def _error(self, problem: str) -> ConnectionFieldError:
        return ConnectionFieldError(f"connection {self.erp_conn_id}: {problem}")


def _endpoint(conn_id: str) -> "Endpoint":
    from shipment_tracking.erp.port import Endpoint

    found = find(conn_id)
    return Endpoint(
        conn_id,
        found.host or "",
        found.port,
        found.schema or "",
        found.login or "",
        found.password or "",
    )


def erp() -> "Erp":
    """
    The ERP of ``erp_db``.

    :raises ConnectionFieldError: there is no such connection, or it cannot be used.
    """
    with refuse_unknown("erp_db"):
        return ErpHook().get_erp()


def may_write() -> bool:
    """
    Whether the owner of ``erp_db`` allows that anything is written to it, or sent to anybody.

    :raises ConnectionFieldError: the connection does not say it.
    """
    with refuse_unknown("erp_db"):
        return ErpHook().may_write()
