"""The DAG's tasks as Airflow runs them: each try a process, which may be killed or stopped."""

import random
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet

from sandbox.defaults import ACCOUNTS
from sandbox.faults import HTTP_FAULTS
from sandbox.platform_1688 import INFOS
from sandbox.platform_router import WAYBILLS
from sandbox.platform_taobao import PARCELS
from shipment_tracking.domain.models import Run

from .calls import ANSWERED, POLLS
from .plans import Plan
from .processes import Process

if TYPE_CHECKING:
    from .driver import Simulation

WRITES = ("mark_signed", "show_trace")
NOTIFIES = ("notify_changes", "report_stalled")
SENDS = (*NOTIFIES, "report_health")
CHANNELS = {"ops": "ops", "backup": "ops", "shop": "platform_tmall", "buyers": "customers"}
"""The audience of each channel."""

RENEWING = frozenset({"platform_1688_east", "platform_taobao"})
"""Accounts whose connection holds a refresh token; a person gives the others their new tokens."""

PROMISED = 38.0
"""What the connections promise: the platform counts arrivals, and this machine is busy."""

FERNET_KEY = Fernet.generate_key().decode()
LEASE = 3.0  # seconds
BUDGET = 20.0  # seconds a lane has
LONGEST = 60.0  # seconds after which a process hangs
TRIES = 3

ASKS = {"fetch_waybills": {INFOS, PARCELS, WAYBILLS}, "gather_traces": POLLS}
FAIL_AT_ONCE = {"TokenError", "ClosureRefusedError", "LaneStoppedError", "PlatformBugError"}
UNREADABLE = frozenset({"half_json", "bad_bytes", "nan"})


class Dag:
    """Runs tasks of a simulation, three tries each."""

    def __init__(self, life: "Simulation") -> None:
        self._life = life
        self._usual: dict[str, float] = defaultdict(lambda: 0.5)

    def run(self, plan: Plan, run: Run) -> None:
        """Run every task of a DAG run, side by side where the DAG does."""
        if not run.run_id.startswith("live"):
            time.sleep(self._life.dice(run.run_id).uniform(0, 0.5))
        accounts = self.run_task(plan, run, "extract_orders")
        if accounts:
            self._life.side_by_side([partial(self._run_lane, plan, run, name) for name in accounts])
        self.run_task(plan, run, "load_traces")
        after = [partial(self._run_tasks, plan, run, WRITES)]
        if not run.is_backfill:
            after += [partial(self.run_task, plan, run, step) for step in NOTIFIES]
        self._life.side_by_side(after)
        if not run.is_backfill:
            self.run_task(plan, run, "report_health")

    def _run_lane(self, plan: Plan, run: Run, account: str) -> None:
        if self.run_task(plan, run, "fetch_waybills", account) is not None:
            self.run_task(plan, run, "gather_traces", account)

    def _run_tasks(self, plan: Plan, run: Run, steps: Sequence[str]) -> None:
        for step in steps:
            self.run_task(plan, run, step)

    def run_task(self, plan: Plan, run: Run, step: str, account: str = "") -> Any | None:
        """Try a task as Airflow would; returns its result, None when it failed or was lost."""
        for number in range(TRIES):
            dice = self._life.dice(run.run_id, step, account, number)
            process = self._start(
                plan, run, step, account, dies_at_commit=self._dies(plan, step, number, dice)
            )
            if plan.zombie == step and not number and not run.is_backfill:
                self._stop_once_answered(process)
            elif dice.random() < plan.disturb:
                self._disturb(process, dice)
            if process.thaw_at is None and not self._life.processes.wait(process, LONGEST):
                self._life.note("every process ends", f"{process} does not")
                self._life.processes.kill(process)
            if process.ended_well:
                usual = self._usual[step]
                took = (process.ended or 0) - process.started
                self._usual[step] = usual + 0.2 * (took - usual)
                return process.result
            if process.error in FAIL_AT_ONCE or plan.zombie == step or dice.random() < 0.3:
                return None
        return None

    def _dies(self, plan: Plan, step: str, number: int, dice: random.Random) -> int:
        """The commit at which a try dies; 0 for none."""
        if step not in (*WRITES, *SENDS):
            return 0
        if plan.dies and not number:
            return plan.dies
        return dice.randint(1, 12) if dice.random() < plan.disturb else 0

    def _path_of_erp(self, plan: Plan, run: Run, step: str) -> Path:
        if plan.erp == "away":
            return self._life.folder / "away" / "erp.db"
        if plan.erp == "whole" or step != "extract_orders" or not run.run_id.startswith("live"):
            return self._life.erp_path
        return self._wrong_erp(plan.erp)

    def _start(
        self, plan: Plan, run: Run, step: str, account: str, *, dies_at_commit: int = 0
    ) -> Process:
        fields = {name: value for name, value in asdict(run).items() if value is not None}
        order: dict[str, Any] = {
            "step": step,
            "run": {
                name: value.isoformat() if isinstance(value, datetime) else value
                for name, value in fields.items()
            },
            "warehouse": self._life.warehouse.url.render_as_string(hide_password=False),
            "dies_at_commit": dies_at_commit,
        }
        if step == "prune_warehouse":
            order |= {"keep_days": plan.keep_days, "budget": BUDGET}
        if step in (*WRITES, *SENDS, "extract_orders"):
            order |= {
                "erp": f"sqlite:///{self._path_of_erp(plan, run, step)}",
                "erp_zone": str(self._life.erp.zone),
            }
        if step == "extract_orders":
            order |= {"accounts": ACCOUNTS}
        elif step in SENDS:
            order |= {
                "channels": [
                    {
                        "audience": audience,
                        "name": name,
                        "url": self._life.receiver.url(name),
                        "secret": self._life.receiver.secret(name),
                    }
                    for name, audience in CHANNELS.items()
                ],
                "owner": f"sync_shipments/{run.run_id}/{step}",
                "lease": LEASE,
            }
        elif account:
            order |= {
                "lane": account,
                "account": self._account(account),
                "fernet_key": FERNET_KEY,
                "owner": f"sync_shipments/{run.run_id}/{step}/{account}",
                "budget": BUDGET,
                "lease": LEASE,
            }
        return self._life.processes.start(
            order, round=self._life.round, expects=self._expected_errors(plan, step, account)
        )

    def _expected_errors(self, plan: Plan, step: str, account: str) -> frozenset[str]:
        kinds = {fault["kind"] for fault in plan.faults}
        expected = {"OperationalError"} if plan.cut is not None else set()
        if step in ASKS:
            if kinds & (HTTP_FAULTS | UNREADABLE):
                expected |= {"LaneStoppedError", "QuotaError", "RetryableError"}
            if "token_expired" in kinds or account in self._life.expired:
                expected.add("TokenError")
        if step == "extract_orders" and plan.erp == "empty":
            expected.add("ClosureRefusedError")
        if step in SENDS and self._life.were_deaf:
            expected.add("ChannelDownError")  # until the next try, which may be hours away
        if step in WRITES and plan.disturb:
            expected.add("WritebackError")  # somebody stands still with a row in his hands
        if plan.erp == "away" and step in (*WRITES, "extract_orders", "notify_changes"):
            expected.add("OperationalError")
        return frozenset(expected)

    def _account(self, name: str) -> dict[str, Any]:
        given = self._life.sandbox.connection(name)
        return {
            "conn_id": name,
            "platform": given["extra"]["platform"],
            "dialect": given["extra"]["dialect"],
            "gateway": given["host"],
            "app_key": given["login"],
            "app_secret": given["password"],
            "access_token": self._life.tokens.get(name, given["extra"]["access_token"]),
            "refresh_token": given["extra"]["refresh_token"] if name in RENEWING else None,
            "qps": PROMISED,
            "feed": self._life.feeds.get(name, ""),
        }

    def _wrong_erp(self, how: str) -> Path:
        """A copy of the ERP that lacks some of its shipped rows, or all."""
        path = self._life.folder / f"erp_{self._life.round}.db"
        shutil.copy(self._life.erp_path, path)
        with closing(sqlite3.connect(path)) as connection, connection:
            keys = [key for (key,) in connection.execute("select order_no from erp_order")]
            lost = keys if how == "empty" else self._life.dice("short").sample(sorted(keys), 6)
            connection.executemany(
                "delete from erp_order where order_no = ?", [(key,) for key in lost]
            )
        return path

    def _disturb(self, process: Process, dice: random.Random) -> None:
        """Kill it or let it stand still at a moment of its usual life."""
        moment = dice.uniform(0, 1.1) * self._usual[process.step]
        if self._life.processes.wait(process, moment):
            return
        if dice.random() < 0.65:
            self._life.processes.kill(process)
        else:
            least = LEASE + 0.2
            self._life.processes.stop(process, least=least, most=least + dice.uniform(0, 1.5))

    def _stop_once_answered(self, process: Process) -> None:
        """Let it stand still while its first answers are on their way."""
        first = len(self._life.sandbox.calls)
        while not process.over.is_set():
            time.sleep(0.002)
            if any(
                call.account == process.account
                and call.api in ASKS[process.step]
                and call.outcome in ANSWERED
                for call in self._life.sandbox.calls[first:]
            ):
                self._life.processes.stop(process, least=LEASE + 0.2, most=LONGEST / 2)
                return
