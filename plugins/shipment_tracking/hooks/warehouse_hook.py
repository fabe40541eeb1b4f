"""The warehouse's engine from the connection ``warehouse_db``."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from shipment_tracking.errors import ConnectionFieldError
from shipment_tracking.hooks.connection_hook import (
    POSTGRES_EXTRAS,
    extra_of,
    find,
    open_engine,
    postgres_query,
    refuse_unknown,
)

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import Engine


class WarehouseHook(BaseHook):
    """
    Open the warehouse.

    Works through PgBouncer in transaction mode: no prepared statements, no session state, and no
    connection is kept between two transactions.

    :param warehouse_conn_id: Airflow connection of type postgres; its extra may hold libpq's ssl
        settings, and ``"prune": "delete"`` to let ``prune_warehouse`` delete.
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
        extra = self._extra(connection)
        timeout = {"connect_timeout": self.connect_timeout} if self.connect_timeout else {}
        url = URL.create(
            "postgresql+psycopg",
            username=connection.login,
            password=connection.password,
            host=connection.host,
            port=connection.port,
            database=connection.schema,
            query=postgres_query(self.warehouse_conn_id, timeout | extra),
        )
        return open_engine(
            self.warehouse_conn_id,
            url,
            connect_args={"prepare_threshold": None, "application_name": "shipment_tracking"},
        )

    def may_delete(self) -> bool:
        """
        Whether the connection's extra says ``"prune": "delete"``.

        :raises ConnectionFieldError: the extra cannot be used.
        """
        return bool(self._extra(find(self.warehouse_conn_id)).get("prune") == "delete")

    def _extra(self, connection: "Connection") -> dict[str, Any]:
        extra = extra_of(connection, known=(*POSTGRES_EXTRAS, "prune"))
        prune = extra.get("prune")
        if prune not in (None, "", "off", "delete"):
            raise ConnectionFieldError(
                f"connection {self.warehouse_conn_id}: extra prune is {prune!r}; it must be "
                '"delete" (prune_warehouse deletes) or "off" (it only counts, the default)'
            )
        return extra


def may_delete() -> bool:
    """
    Whether the owner of ``warehouse_db`` has confirmed that old rows are deleted.

    :raises ConnectionFieldError: the extra says something else than that.
    """
    return WarehouseHook().may_delete()


def warehouse() -> "Engine":
    """
    The engine of ``warehouse_db``.

    :raises ConnectionFieldError: there is no such connection, or it cannot be used.
    """
    with refuse_unknown("warehouse_db"):
        return WarehouseHook().get_conn()
