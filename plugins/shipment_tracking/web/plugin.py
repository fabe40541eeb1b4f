"""
Registers the page with Airflow.

Airflow loads plugins in every one of its processes; the page itself is loaded by the first request
for it, in the API server only.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipment_tracking.web.access import User

DAG = "sync_shipments"
PREFIX = "/shipments"
NAME = "shipment_tracking"
FILE = "shipment_tracking_plugin.py"
CONNECT_SECONDS = 5
"""How long to wait for the warehouse; the connection's own extra wins."""


class Page:
    """The page as an ASGI application that is made by its first request."""

    def __init__(self) -> None:
        self._app: Any = None
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._app is None:
            async with self._lock:
                if self._app is None:
                    self._app = await asyncio.to_thread(_make_app)
        await self._app(scope, receive, send)

    def __repr__(self) -> str:
        return "the page Shipments"


class ShipmentTrackingPlugin(AirflowPlugin):
    """The page in the menu *Browse*, and as a tab of the DAG."""

    name = NAME
    fastapi_apps = [{"app": Page(), "url_prefix": PREFIX, "name": "Shipments"}]  # noqa: RUF012
    # Without a slash at its beginning an address is below Airflow's own, whatever that is.
    external_views = [  # noqa: RUF012
        {
            "name": "Shipments",
            "href": f"{PREFIX[1:]}/board",
            "destination": "nav",
            "category": "browse",
            "url_route": "shipments",
        },
        {
            "name": "Shipments",
            "href": f"{PREFIX[1:]}/board",
            "destination": "dag",
            "url_route": "shipments_of_dag",
        },
    ]


class Warehouse:
    """Opens the warehouse; the engine stays until the connection ``warehouse_db`` changes."""

    def __init__(self) -> None:
        self._engine: Any = None

    def __call__(self) -> Any:
        """
        The engine.

        :raises ConnectionFieldError: there is no such connection, or a field of it is unusable.
        """
        from shipment_tracking.hooks.connection_hook import refuse_unknown
        from shipment_tracking.hooks.warehouse_hook import WarehouseHook

        with refuse_unknown("warehouse_db"):
            engine = WarehouseHook(connect_timeout=CONNECT_SECONDS).get_conn()
        if self._engine is None or self._engine.url != engine.url:
            self._engine = engine
        return self._engine


def _make_app() -> Any:
    from airflow.configuration import conf

    from shipment_tracking.hooks.clock_hook import now
    from shipment_tracking.web.access import FormTokens
    from shipment_tracking.web.app import create_app
    from shipment_tracking.web.dependencies import Site

    secret = conf.get_mandatory_value("api", "secret_key").encode()
    return create_app(Site(Warehouse(), now, FormTokens(secret)), _user_dependency())


def _user_dependency() -> "Callable[..., User]":
    """Who asks, by Airflow's own login and permissions."""
    from typing import Annotated

    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import (
        DagAccessEntity,
        DagDetails,
    )
    from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
    from airflow.models.dag import DagModel
    from fastapi import Depends

    from shipment_tracking.web.access import User

    may_read = requires_access_dag(method="GET", param_dag_id=DAG)

    def user(given: GetUserDep, allowed: Annotated[None, Depends(may_read)]) -> User:
        may = get_auth_manager().is_authorized_dag
        details = DagDetails(id=DAG, team_name=DagModel.get_team_name(DAG))
        may_edit = may(method="PUT", details=details, user=given)
        may_trigger = may(
            method="POST", access_entity=DagAccessEntity.RUN, details=details, user=given
        )
        return User(given.get_name(), may_act=may_edit and may_trigger)

    return user


def _is_in_plugins_folder() -> bool:
    """Whether Airflow finds the plugin by its file; a second one of a name would be an error."""
    from airflow import settings

    folder = settings.PLUGINS_FOLDER
    return folder is not None and (Path(folder) / FILE).is_file()


def __getattr__(name: str) -> Any:
    # The entry point of an installed package: nothing where the plugin's file is there, too.
    if name == "INSTALLED":
        return None if _is_in_plugins_folder() else ShipmentTrackingPlugin
    raise AttributeError(name)
