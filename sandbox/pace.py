"""
``python -m sandbox pace``: triggers the DAG each time half an hour has passed in a fast world.

Airflow's schedule follows the real clock, in whose half hour a fast world passes many.
"""

import argparse
import time
from datetime import timedelta
from http.client import HTTPException

from sandbox.airflow_api import AirflowApi

DAG = "sync_shipments"
PERIOD = timedelta(minutes=30)
"""Of the DAG's schedule, in the world's time."""

UNDER_WAY = ("queued", "running")
NOTE = "Triggered by the sandbox: half an hour passed in its world."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `pace`."""
    parser.add_argument("--url", required=True, help="where Airflow's API server listens")
    parser.add_argument("--user", default="admin", help="with this password (default: admin)")
    parser.add_argument("--speed", type=float, required=True, help="world seconds per second")


def run(arguments: argparse.Namespace) -> int:
    """Trigger until it is ended."""
    while True:
        time.sleep(PERIOD.total_seconds() / arguments.speed)
        try:
            trigger(AirflowApi(arguments.url, arguments.user, arguments.user))
        except (OSError, HTTPException) as error:
            print(f"Airflow does not answer, tried again later: {error}", flush=True)


def trigger(api: AirflowApi) -> str | None:
    """Start a run unless one is under way or the DAG is paused; returns its id."""
    dag = api.dag(DAG)
    if dag is None or dag["is_paused"]:
        return None
    if any(run["state"] in UNDER_WAY for run in api.runs(DAG)):
        return None
    return api.trigger(DAG, note=NOTE)
