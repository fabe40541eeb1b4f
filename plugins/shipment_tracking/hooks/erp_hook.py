"""The ERP's database from the connection ``erp_db``."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow.sdk import BaseHook

from shipment_tracking.errors import ConnectionFieldError

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


class ErpHook(BaseHook):
    """
    Open the ERP's database.

    :param erp_conn_id: Airflow connection of type postgres, mysql, sqlite or mssql, or generic with
        the extra ``sqlalchemy_url``; extra ``timezone`` says what times without an offset mean
        there (default Asia/Shanghai).
    """

    def __init__(self, erp_conn_id: str = "erp_db") -> None:
        super().__init__()
        self.erp_conn_id = erp_conn_id

    def get_conn(self) -> "ErpDatabase":
        """
        The database; it connects on first use.

        :raises ConnectionFieldError: another type, or an unknown time zone.
        """
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        from shipment_tracking.erp.database import ErpDatabase

        connection = self.get_connection(self.erp_conn_id)
        zone = connection.extra_dejson.get("timezone", "Asia/Shanghai")
        try:
            timezone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConnectionFieldError(
                f"connection {self.erp_conn_id}: extra timezone {zone!r} is no time zone; "
                "write it like Asia/Shanghai"
            ) from error
        engine = create_engine(self._url(connection), poolclass=NullPool, hide_parameters=True)
        return ErpDatabase(engine, timezone)

    def _url(self, connection: "Connection") -> "URL":
        from sqlalchemy import URL, make_url

        extra = connection.extra_dejson
        if connection.conn_type == "sqlite":
            # Airflow keeps the file's path in "host"; a leading slash is lost from a URI.
            return URL.create("sqlite", database=connection.host or connection.schema)
        if connection.conn_type == "generic" and extra.get("sqlalchemy_url"):
            return make_url(extra["sqlalchemy_url"])
        if connection.conn_type not in DRIVERS:
            raise ConnectionFieldError(
                f"connection {self.erp_conn_id} is of type {connection.conn_type}; the ERP may be "
                "postgres, mysql, sqlite or mssql, or generic with the extra sqlalchemy_url"
            )
        return URL.create(
            DRIVERS[connection.conn_type],
            username=connection.login,
            password=connection.password,
            host=connection.host,
            port=connection.port,
            database=connection.schema,
            query={"charset": "utf8mb4"} if connection.conn_type == "mysql" else {},
        )


def erp() -> "ErpDatabase":
    """The database of ``erp_db``."""
    return ErpHook().get_conn()


def erp_writer() -> "SqlWriter":
    """What writes to the database of ``erp_db``."""
    from shipment_tracking.erp.sql import SqlWriter

    return SqlWriter(erp())
