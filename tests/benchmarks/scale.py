"""What more orders cost: time, the memory of a lane, the size of the warehouse."""

import multiprocessing
import re
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, text
from sqlalchemy.pool import NullPool

from shipment_tracking.domain.models import Run
from shipment_tracking.platforms.ports import Account
from shipment_tracking.steps import fetch_waybills, gather_traces, load_traces

from .figures import Figure
from .stage import Stage, Theatre, opened

SIZES = (1_000, 10_000, 100_000)
MOST_MEGABYTES = 300


def run(theatre: Theatre, *, sizes: tuple[int, ...] = SIZES) -> list[Figure]:
    """All orders new, answers at once, no quota; each task in a process of its own."""
    figures: list[Figure] = []
    for orders in sizes:
        with theatre.stage(orders) as stage:
            began = time.monotonic()
            stage.extract()
            extracted = time.monotonic() - began
            figures.append(Figure("scale", f"{orders:,} orders, extract", extracted, "s"))
            for step in ("fetch_waybills", "gather_traces", "load_traces"):
                seconds, megabytes = _in_a_process(step, stage)
                name = f"{orders:,} orders, {step}"
                figures += [
                    Figure("scale", name, seconds, "s", note=f"{orders / seconds:,.0f} orders/s"),
                    Figure("scale", f"{name}: peak", megabytes, "MB", target=MOST_MEGABYTES),
                ]
            with stage.warehouse.connect() as connection:
                size, events = connection.execute(
                    text(
                        "select pg_database_size(current_database()),"
                        " (select count(*) from tracking.trace_event)"
                    )
                ).one()
            note = f"{events:,} scans"
            figures.append(
                Figure("scale", f"{orders:,} orders, database", size / 2**20, "MB", note=note)
            )
    return figures


def _in_a_process(step: str, stage: Stage) -> tuple[float, float]:
    """Seconds and peak megabytes of a step."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=_work,
        args=(sender, step, stage.warehouse.url, stage.account(), stage.next_run(), stage.now),
    )
    process.start()
    seconds, kilobytes = receiver.recv()
    process.join()
    return seconds, kilobytes / 1024


def _work(sender: Any, step: str, url: URL, account: Account, run: Run, now: datetime) -> None:
    warehouse = create_engine(url, poolclass=NullPool, connect_args={"prepare_threshold": None})
    began = time.monotonic()
    if step == "load_traces":
        load_traces.run(warehouse, run, now=now)
    else:
        lane = {"owner": step, "budget": timedelta(hours=2), "clock": lambda: now}
        module = fetch_waybills if step == "fetch_waybills" else gather_traces
        with opened(warehouse, account) as client:
            module.run(warehouse, client, run, **lane)
    seconds = time.monotonic() - began
    sender.send((seconds, _peak_kilobytes()))


def _peak_kilobytes() -> int:
    """What this process held at most; ``getrusage`` counts what its parent held when it began."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.M)[1])  # type: ignore[index]
