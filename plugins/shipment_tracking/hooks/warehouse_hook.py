"""The warehouse's engine from the connection ``warehouse_db``."""

from typing import TYPE_CHECKING

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
    from sqlalchemy import Engine


class WarehouseHook(BaseHook):
    """
    Open the warehouse.

    Works through PgBouncer in transaction mode: no prepared statements, no session state, and no
    connection is kept between two transactions.

    :param warehouse_conn_id: Airflow connection of type postgres; its extra may hold libpq's ssl
        settings.
    :param connect_timeout: seconds to wait for the server; the connection's own extra wins.
    """

    def __init__(
        self, warehouse_conn_id: str = "warehouse_db", *, connect_timeout: int | None = None
    ) -> None:
        super().__init__()
        self.warehouse_conn_id = warehouse_conn_id
        self.connect_timeout = connect_timeout

    def get_conn(self) -> "Engine":
        """
        The engine; it connects on first use.

        :raises ConnectionFieldError: the connection is not of type postgres, or its extra unusable.
        """
        from sqlalchemy import URL

        connection = find(self.warehouse_conn_id)
        if connection.conn_type not in ("postgres", "postgresql"):
            raise ConnectionFieldError(
                f"connection {self.warehouse_conn_id} is of type {connection.conn_type}; the "
                "warehouse must be of type postgres (PostgreSQL 14 or newer)"
            )
        extra = extra_of(connection, known=POSTGRES_EXTRAS)
        timeout = {"connect_timeout": self.connect_timeout} if self.connect_timeout else {}
        url = URL.create(
            "postgresql+psycopg",
            username=connection.login,
            password=connection.password,
            host=connection.host,
            port=connection.port,
            database=connection.schema,
            query=as_query(timeout | extra, POSTGRES_EXTRAS),
        )
        return open_engine(
            self.warehouse_conn_id,
            url,
            connect_args={"prepare_threshold": None, "application_name": "shipment_tracking"},
        )


def warehouse() -> "Engine":
    """The engine of ``warehouse_db``."""
    return WarehouseHook().get_conn()
