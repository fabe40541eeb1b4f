"""The steps of the pipeline in the data's order, one module a step, each with one ``run``."""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipment_tracking.steps import (
        check_quality as check_quality,
        create_tables as create_tables,
        extract_orders as extract_orders,
        fetch_waybills as fetch_waybills,
        gather_traces as gather_traces,
        load_traces as load_traces,
        mark_signed as mark_signed,
        notify_changes as notify_changes,
        prune_warehouse as prune_warehouse,
        replay_traces as replay_traces,
        report_health as report_health,
        report_stalled as report_stalled,
        send_report as send_report,
        show_trace as show_trace,
        write_report as write_report,
    )


def __getattr__(name: str) -> ModuleType:
    # A DAG file names its steps without importing them, and their libraries, at parse time.
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name == f"{__name__}.{name}":
            raise AttributeError(f"there is no step {name}") from error
        raise
