"""Where Airflow ends: connections and runs come in; engines, clients and times go out."""

from importlib import import_module
from typing import Any

_HOMES = {
    "PARAMS": "run_params",
    "PRIORITY_PARAMS": "run_params",
    "PRUNE_PARAMS": "run_params",
    "RETRY_POLICY": "error_hook",
    "acting_run": "run_hook",
    "channels": "channel_hook",
    "erp": "erp_hook",
    "erp_writer": "erp_hook",
    "is_account": "platform_hook",
    "is_green": "error_hook",
    "lane": "run_hook",
    "lease_owner": "run_hook",
    "now": "clock_hook",
    "red_tasks": "error_hook",
    "retention": "run_hook",
    "this_run": "run_hook",
    "warehouse": "warehouse_hook",
}


def __getattr__(name: str) -> Any:
    # A DAG file names what it needs without importing its libraries at parse time.
    if name not in _HOMES:
        raise AttributeError(f"no hook gives {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
