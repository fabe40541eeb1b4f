"""Checks of connections from the command line, outside any task."""

from collections.abc import Iterator

from airflow.sdk.exceptions import AirflowNotFoundException

from shipment_tracking.domain.findings import Finding
from shipment_tracking.errors import ConnectionFieldError
from shipment_tracking.hooks import (
    channel_hook,
    clock_hook,
    erp_hook,
    platform_hook,
    warehouse_hook,
)
from shipment_tracking.hooks.connection_hook import about_database, find, refuse_unknown

ERP = "erp_db"
WAREHOUSE = "warehouse_db"
NOTICES = "notify_"
CUSTOMERS = "notify_customers"
MOST_UNTRACKED = 0.2
"""As in the DAG ``sync_shipments``, whose task would be red."""


def check(conn_id: str) -> Iterator[Finding]:
    """
    Check ``erp_db``, ``warehouse_db``, an account, or the channels of an audience.

    :raises ConnectionFieldError: there is no such connection, or a field of it is unusable.
    """
    with refuse_unknown(conn_id):
        kind = find(conn_id).conn_type
    if kind == platform_hook.PlatformHook.conn_type:
        return platform_hook.check(conn_id)
    if conn_id == ERP:
        return _check_erp()
    if conn_id == WAREHOUSE:
        return _check_warehouse()
    if conn_id.startswith(NOTICES):
        return _check_channels(conn_id.removeprefix(NOTICES))
    raise ConnectionFieldError(
        f"connection {conn_id}: cannot be checked, only {ERP}, {WAREHOUSE}, {NOTICES}… and "
        "accounts can"
    )


def _check_channels(audience: str) -> Iterator[Finding]:
    from shipment_tracking.channels.port import CUSTOMERS, OPS

    yield from channel_hook.ChannelHook(audience).check()
    if audience not in (OPS, CUSTOMERS) and not platform_hook.is_account(audience):
        yield Finding(
            "audience",
            False,
            f"{audience!r} is neither {OPS}, {CUSTOMERS} nor the id of an account, so nobody is "
            "notified; rename the connection",
        )


def _check_warehouse() -> Iterator[Finding]:
    from sqlalchemy.exc import DBAPIError

    from shipment_tracking.warehouse import upgrade

    try:
        yield from upgrade.check(warehouse_hook.warehouse())
    except DBAPIError as error:
        yield Finding("server", False, about_database(error) or str(error.orig))


def _check_erp() -> Iterator[Finding]:
    from shipment_tracking.commands import check_erp

    return check_erp.check(
        erp_hook.erp(),
        knows_account=platform_hook.is_account,
        describe=lambda error: about_database(error) or str(error.orig),
        asks_contacts=_exists(CUSTOMERS),
        now=clock_hook.now(),
        most_untracked=MOST_UNTRACKED,
        platform_of=_platform_of,
    )


def _platform_of(account: str) -> str | None:
    try:
        return platform_hook.PlatformHook(account).account().platform
    except (AirflowNotFoundException, ConnectionFieldError):
        return None


def _exists(conn_id: str) -> bool:
    try:
        find(conn_id)
    except AirflowNotFoundException:
        return False
    return True
