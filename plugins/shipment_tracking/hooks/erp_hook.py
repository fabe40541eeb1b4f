"""The ERP's database from the connection ``erp_db``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow.sdk import BaseHook

from shipment_tracking.errors import ConnectionFieldError
from shipment_tracking.hooks.connection_hook import (
    POSTGRES_EXTRAS,
    as_query,
    extra_of,
    find,
    open_engine,
)

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import URL

    from shipment_tracking.erp.database import ErpDatabase
    from shipment_tracking.erp.sql import SqlWriter

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
WRITE = ("off", "sql")
"""What extra ``write`` may say: nothing is written or sent, or the statements write."""


class ErpHook(BaseHook):
    """
    Open the ERP's database.

    :param erp_conn_id: Airflow connection of type postgres, mysql, sqlite or mssql, or generic with
        the extra ``sqlalchemy_url``; extra ``timezone`` says what times without an offset mean
        there (default Asia/Shanghai). Without the extra ``"write": "sql"`` nothing is written to
        it, nor sent to anybody (shadow mode).
    """

    def __init__(self, erp_conn_id: str = "erp_db") -> None:
        super().__init__()
        self.erp_conn_id = erp_conn_id

    def get_conn(self) -> "ErpDatabase":
        """
        The database; it connects on first use.

        :raises ConnectionFieldError: another type, or a field that cannot be used.
        """
        from shipment_tracking.erp.database import ErpDatabase

        connection = find(self.erp_conn_id)
        if connection.conn_type not in EXTRAS:
            raise self._error(
                f"is of type {connection.conn_type}; the ERP may be postgres, mysql, sqlite or "
                "mssql, or generic with the extra sqlalchemy_url"
            )
        extra = extra_of(connection, known=("timezone", "write", *EXTRAS[connection.conn_type]))
        timezone = self._timezone(extra.get("timezone", "Asia/Shanghai"))
        url = self._url(connection, connection.conn_type, extra)
        may_write = self._may_write(extra.get("write"))
        return ErpDatabase(open_engine(self.erp_conn_id, url), timezone, may_write)

    def _may_write(self, write: Any) -> bool:
        if write in (None, ""):
            return False
        if write not in WRITE:
            raise self._error(
                f'extra write is {write!r}; it must be "off" (nothing is written or sent, the '
                'default) or "sql" (the statements of include/sql/erp write)'
            )
        return bool(write == "sql")

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
        return {"client_encoding": "utf8", **as_query(extra, ERP_POSTGRES_EXTRAS)}

    def _generic(self, url: Any) -> "URL":
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        if not url:
            raise self._error("is of type generic, but its extra sqlalchemy_url is missing")
        try:
            return make_url(url)
        except (ArgumentError, ValueError):
            # The cause may hold the password.
            raise self._error(
                "extra sqlalchemy_url is not the address of a database; write it like "
                "mysql+pymysql://login:password@host:3306/schema"
            ) from None

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


def erp() -> "ErpDatabase":
    """The database of ``erp_db``."""
    return ErpHook().get_conn()


def erp_writer() -> "SqlWriter":
    """What writes to the database of ``erp_db``."""
    from shipment_tracking.erp.sql import SqlWriter

    return SqlWriter(erp())
