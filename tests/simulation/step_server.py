"""
Runs each step in a process of its own, forked in milliseconds, that may be killed at any moment.

A program: reads orders from its standard input and writes what became of them to its standard
output, one JSON object a line. When its input ends, it kills all that it started, and itself. Its
argument may be a folder of statements, which the steps use instead of the shipped ones.
"""

import gc
import json
import os
import selectors
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from shipment_tracking.channels.port import Channels, Destination
from shipment_tracking.channels.webhook import Webhook
from shipment_tracking.domain import text_model
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.hooks.clock_hook import now
from shipment_tracking.notices.messages import Messages
from shipment_tracking.platforms.dialects import DIALECTS, client
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import Account
from shipment_tracking.platforms.tokens import Tokens
from shipment_tracking.statements import query_folders
from shipment_tracking.steps import (
    extract_orders,
    fetch_waybills,
    gather_traces,
    load_traces,
    mark_signed,
    notify_changes,
    prune_warehouse,
    report_health,
    report_stalled,
    show_trace,
)
from shipment_tracking.warehouse.lanes import LaneContext
from shipment_tracking.warehouse.quota import Quota
from shipment_tracking.warehouse.tokens import WarehouseTokens

LANE_STEPS = {"fetch_waybills": fetch_waybills.run, "gather_traces": gather_traces.run}
CHUNK = 4  # rows that are written to the ERP, or deleted from the warehouse, in one commit
PATIENCE = 0.2  # how much of its waits between two tries a client keeps


@event.listens_for(Engine, "connect")
def wait_for_no_disk(connection: object, _: object) -> None:
    """What a killed process has written stays; that a machine loses its power is not tried."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")


@dataclass(slots=True)
class Child:
    """A process at work; ``said``: what it has written of its result."""

    number: int
    pid: int
    said: bytes = b""


def run_step(order: dict[str, Any]) -> Any:
    """What the task of a DAG does, with what the hooks would give it."""
    warehouse = create_engine(
        order["warehouse"], poolclass=NullPool, connect_args={"prepare_threshold": None}
    )
    this_run = _read_run(order["run"])
    step = order["step"]
    if order["dies_at_commit"]:
        _die_at_commit(order["dies_at_commit"])
    if "erp" in order:
        erp = SqlErp(create_engine(order["erp"], poolclass=NullPool), ZoneInfo(order["erp_zone"]))
    if step == "extract_orders":
        accounts = order["accounts"]
        return extract_orders.run(
            erp, warehouse, this_run, knows_account=accounts.__contains__, now=now()
        )
    if step == "load_traces":
        return load_traces.run(warehouse, this_run, now=now())
    if step == "prune_warehouse":
        return prune_warehouse.run(
            warehouse,
            keep_days=dict.fromkeys(prune_warehouse.KINDS, order["keep_days"]),
            now=now(),
            budget=timedelta(seconds=order["budget"]),
            orders=CHUNK,
            page=CHUNK,
        )
    if step == "mark_signed":
        return mark_signed.run(warehouse, erp, this_run, now=now(), chunk=CHUNK)
    if step == "show_trace":
        return show_trace.run(warehouse, erp, this_run, chunk=CHUNK)
    if "channels" in order:
        sending = {
            "channels": lambda accounts: _channels(order, accounts),
            "owner": order["owner"],
            "now": now(),
            "lease": timedelta(seconds=order["lease"]),
        }
        if step == "notify_changes":
            return notify_changes.run(warehouse, this_run, open_erp=lambda: erp, **sending)
        if step == "report_health":
            return report_health.run(
                warehouse, this_run, most_failed_calls=0.5, fewest_calls=20, **sending
            )
        return report_stalled.run(warehouse, this_run, **sending)
    return _work_in_lane(order, warehouse, this_run)


def _channels(order: dict[str, Any], accounts: Sequence[str]) -> Channels:
    found = [
        Destination(
            channel["audience"], channel["name"], Webhook(channel["url"], channel["secret"])
        )
        for channel in order["channels"]
        if channel["audience"] in ("ops", "customers", *accounts)
    ]
    return Channels(found, {})


def _die_at_commit(number: int) -> None:
    """Be killed between two commits, of whatever database."""
    commits = count(1)

    @event.listens_for(Engine, "commit")
    def die(_: Any) -> None:
        if next(commits) == number:
            os.kill(os.getpid(), signal.SIGKILL)


def _work_in_lane(order: dict[str, Any], warehouse: Engine, this_run: Run) -> Any:
    account = Account(**order["account"])
    quota = Quota(
        warehouse,
        gateway=account.gateway,
        app_key=account.app_key,
        account=account.conn_id,
        qps=account.qps,
        backfill=this_run.is_backfill,
    )
    lease = timedelta(seconds=order["lease"])
    store = WarehouseTokens(warehouse, Fernet(order["fernet_key"]), lease=lease)
    tokens = Tokens(account, DIALECTS[account.dialect].oauth, store, clock=now)
    opened = client(
        Gateway(account, quota, tokens, sleep=lambda seconds: time.sleep(seconds * PATIENCE))
    )
    try:
        context = LaneContext(
            warehouse,
            opened,
            this_run,
            owner=order["owner"],
            budget=timedelta(seconds=order["budget"]),
            clock=now,
            lease=lease,
        )
        return LANE_STEPS[order["step"]](context)
    finally:
        opened.close()


def _read_run(fields: dict[str, Any]) -> Run:
    times = {
        name: datetime.fromisoformat(fields[name])
        for name in ("started_at", "shipped_from", "shipped_to")
        if fields.get(name)
    }
    return Run(**fields | times)


def _result(order: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": run_step(order)}
    except Exception as error:
        return {"error": type(error).__name__, "text": "".join(traceback.format_exception(error))}


def _warm_up() -> None:
    """Import what would be imported late, and read what is kept, once for all processes."""
    create_engine("postgresql+psycopg://").dispose()
    create_engine("sqlite://").dispose()
    text_model.load()
    Messages("zh")
    gc.freeze()


def _fork(order: dict[str, Any]) -> tuple[Child, int]:
    """A process that runs the step, and the pipe on which it tells its result."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(2, 1)  # nothing but the server may write to its output
            said = json.dumps(_result(order)).encode()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(said)
        finally:
            os._exit(0)
    os.close(writing)
    return Child(order["number"], pid), reading


def _tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def serve() -> None:
    """Until the standard input ends."""
    watched = selectors.DefaultSelector()
    watched.register(0, selectors.EVENT_READ)
    children: dict[int, Child] = {}
    typed = b""
    _warm_up()
    _tell(ready=True)
    while True:
        for key, _ in watched.select():
            pipe = int(key.fd)
            read = os.read(pipe, 1 << 16)
            if pipe == 0:
                if not read:
                    return
                *lines, typed = (typed + read).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    if "signal" in order:
                        for child in children.values():
                            if child.number == order["number"]:
                                os.kill(child.pid, order["signal"])
                        continue
                    child, result = _fork(order)
                    children[result] = child
                    watched.register(result, selectors.EVENT_READ)
            elif read:
                children[pipe].said += read
            else:
                watched.unregister(pipe)
                os.close(pipe)
                child = children.pop(pipe)
                _, status = os.waitpid(child.pid, 0)
                said = json.loads(child.said) if child.said else {}
                _tell(number=child.number, signal=os.WTERMSIG(status), **said)


if __name__ == "__main__":
    query_folders.extend(map(Path, sys.argv[1:]))
    try:
        serve()
    finally:
        # Also what is stopped: the server and its processes are a group of their own.
        if os.getpgid(0) == os.getpid():
            os.killpg(0, signal.SIGKILL)
        sys.exit(1)
