"""Checks of connections from the command line, outside any task."""

from collections.abc import Iterator

from airflow.sdk.exceptions import AirflowNotFoundException

from shipment_tracking.domain.findings import Finding
from shipment_tracking.errors import ConnectionFieldError
from shipment_tracking.hooks import clock_hook, erp_hook, platform_hook
from shipment_tracking.hooks.connection_hook import about_database, find, refuse_unknown

ERP = "erp_db"
CUSTOMERS = "notify_customers"


def check(conn_id: str) -> Iterator[Finding]:
    """
    Check ``erp_db`` or an account.

    :raises ConnectionFieldError: there is no such connection, or a field of it is unusable.
    """
    with refuse_unknown(conn_id):
        kind = find(conn_id).conn_type
    if kind == platform_hook.PlatformHook.conn_type:
        return platform_hook.check(conn_id)
    if conn_id != ERP:
        raise ConnectionFieldError(
            f"connection {conn_id}: cannot be checked, only {ERP} and accounts can"
        )
    return _check_erp()


def _check_erp() -> Iterator[Finding]:
    from shipment_tracking import check_erp

    return check_erp.check(
        erp_hook.erp(),
        knows_account=platform_hook.is_account,
        describe=lambda error: about_database(error) or str(error.orig),
        asks_contacts=_exists(CUSTOMERS),
        now=clock_hook.now(),
    )


def _exists(conn_id: str) -> bool:
    try:
        find(conn_id)
    except AirflowNotFoundException:
        return False
    return True
