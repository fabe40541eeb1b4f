"""Where Airflow ends: connections and runs come in; engines, clients and times go out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shipment_tracking.hooks.channel_hook import channels as channels
    from shipment_tracking.hooks.clock_hook import now as now
    from shipment_tracking.hooks.erp_hook import erp as erp
    from shipment_tracking.hooks.error_hook import (
        RETRY_POLICY as RETRY_POLICY,
        is_green as is_green,
        red_tasks as red_tasks,
    )
    from shipment_tracking.hooks.metrics_hook import (
        measured as measured,
        measured_run as measured_run,
    )
    from shipment_tracking.hooks.platform_hook import is_account as is_account
    from shipment_tracking.hooks.report_hook import (
        is_backfill as is_backfill,
        report_day as report_day,
        report_folder as report_folder,
        report_language as report_language,
    )
    from shipment_tracking.hooks.run_hook import (
        acting_run as acting_run,
        lane as lane,
        lease_owner as lease_owner,
        replay as replay,
        retention as retention,
        this_run as this_run,
    )
    from shipment_tracking.hooks.run_params import (
        PARAMS as PARAMS,
        PRIORITY_PARAMS as PRIORITY_PARAMS,
        PRUNE_PARAMS as PRUNE_PARAMS,
        REPLAY_PARAMS as REPLAY_PARAMS,
        REPORT_PARAMS as REPORT_PARAMS,
    )
    from shipment_tracking.hooks.warehouse_hook import warehouse as warehouse

_HOMES = {
    "PARAMS": "run_params",
    "PRIORITY_PARAMS": "run_params",
    "PRUNE_PARAMS": "run_params",
    "REPLAY_PARAMS": "run_params",
    "REPORT_PARAMS": "run_params",
    "RETRY_POLICY": "error_hook",
    "acting_run": "run_hook",
    "channels": "channel_hook",
    "erp": "erp_hook",
    "is_account": "platform_hook",
    "is_backfill": "report_hook",
    "is_green": "error_hook",
    "lane": "run_hook",
    "lease_owner": "run_hook",
    "measured": "metrics_hook",
    "measured_run": "metrics_hook",
    "now": "clock_hook",
    "red_tasks": "error_hook",
    "replay": "run_hook",
    "report_day": "report_hook",
    "report_folder": "report_hook",
    "report_language": "report_hook",
    "retention": "run_hook",
    "this_run": "run_hook",
    "warehouse": "warehouse_hook",
}


def __getattr__(name: str) -> Any:
    # A DAG file names what it needs without importing its libraries at parse time.
    if name not in _HOMES:
        raise AttributeError(f"no hook gives {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
