"""The environment of an Airflow that works on the sandbox: nothing of it outlives its folder."""

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

PROJECT = Path(__file__).parents[1]
OWNER = Path(__file__).parent / "owner"
"""An owner's include folder: each shop of the demo ERP is an account of its own."""


def environment(
    home: Path,
    metadata: URL | str,
    warehouse: URL | str,
    erp: Mapping[str, Any],
    accounts: Mapping[str, Mapping[str, Any]],
    clock_url: str | None,
) -> dict[str, str]:
    """
    Environment variables for Airflow; set them before it is imported.

    :param metadata: database for Airflow's own tables.
    :param erp: the connection ``erp_db``.
    :param accounts: platform connections by id.
    :param clock_url: where the steps ask for the time.
    """
    found = connections(warehouse, erp, accounts)
    return settings(home, metadata, clock_url) | {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields) for name, fields in found.items()
    }


def connections(
    warehouse: URL | str, erp: Mapping[str, Any], accounts: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """All connections of the pipeline by id; see ``environment``."""
    return {
        "warehouse_db": postgres_connection(make_url(warehouse)),
        "erp_db": erp,
        **accounts,
    }


def settings(home: Path, metadata: URL | str, clock_url: str | None) -> dict[str, str]:
    """The same as ``environment`` without any connection."""
    variables = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _airflow_url(metadata),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__LOGGING__MIN_LENGTH_MASKED_SECRET": "4",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SHIPMENT_TRACKING_INCLUDE": str(OWNER),
    }
    if clock_url:
        variables["SHIPMENT_TRACKING_CLOCK_URL"] = clock_url
    return variables


def postgres_connection(url: URL) -> dict[str, Any]:
    """An Airflow connection to a PostgreSQL database."""
    return {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
    }


def _airflow_url(metadata: URL | str) -> str:
    url = make_url(metadata)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg2")
    return url.render_as_string(hide_password=False)
