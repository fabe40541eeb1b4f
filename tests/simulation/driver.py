"""
Lives through days of a seeded world: the pipeline's steps as the DAG runs them, under faults.

The plan of a round follows from the seed alone; how processes interleave does not, so a seed shows
the same trouble again, though not always the same moment of it.
"""

import random
import re
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from sandbox.clock import Clock
from sandbox.defaults import ACCOUNTS, apps_for
from sandbox.erp import DemoErp, rows
from sandbox.faults import HTTP_FAULTS, KINDS, Latency
from sandbox.platform_1688 import INFOS
from sandbox.platform_router import WAYBILLS
from sandbox.platform_taobao import PARCELS, TRACE_GET
from sandbox.receiver import Receiver
from sandbox.server import Sandbox
from sandbox.stories import STORIES
from sandbox.world import World
from shipment_tracking.domain.models import Run

from . import announcements, invariants
from .invariants import ANSWERED, POLLS, Violation
from .people import People
from .processes import Process, Processes

LIFE = "life"
"""The property of a test that tells how its simulation went."""

START = datetime(2026, 3, 2, tzinfo=UTC)
ERPS = (
    ("Asia/Shanghai", START),
    ("Asia/Shanghai", START),
    ("Asia/Shanghai", START),
    # A day and five hours later an hour of the ERP's comes twice.
    ("America/New_York", datetime(2026, 10, 31, tzinfo=UTC)),
)
"""In which zone the ERP keeps its times, and when its world begins; one for each seed in turn."""
OWNER_FOLDER = Path(__file__).parents[2] / "sandbox" / "owner"
WATCH = Path(__file__).with_name("watch.sql")

LIMIT = 40.0
"""Calls of one app key that its platform accepts in a second."""
PROMISED = 38.0
"""What the connections promise: the platform counts arrivals, and this machine is busy."""
FERNET_KEY = Fernet.generate_key().decode()
LEASE = 3.0  # seconds
BUDGET = 20.0  # seconds a lane has
LONGEST = 60.0  # seconds after which a process hangs
TRIES = 3
KEPT_DAYS = (0.25, 1.0)
HALF_HOUR = 30
DAY = 24 * 60
CALMING = (HALF_HOUR, HALF_HOUR, DAY + 1, HALF_HOUR, DAY + 1, HALF_HOUR)
"""Minutes between the rounds in which the warehouse catches up with a world that stands still."""

FEEDS = {
    "platform_1688": ("", "orders"),
    "platform_1688_east": ("", "orders"),
    "platform_taobao": ("", "orders", "messages", "messages"),
    "platform_tmall": ("", "orders", "messages", "messages"),
}
"""What an account's connection may be told to read; the same for a whole seed."""
MESSAGES = frozenset({"platform_taobao", "platform_tmall"})

RENEWING = frozenset({"platform_1688_east", "platform_taobao"})
"""Accounts whose connection holds a refresh token; a person gives the others their new tokens."""

WRITES = ("mark_signed", "show_trace")
SENDS = ("notify_changes", "report_stalled")
CHANNELS = {"ops": "ops", "backup": "ops", "shop": "platform_tmall", "buyers": "customers"}
"""The audience of each channel."""

ASKS = {"fetch_waybills": {INFOS, PARCELS, WAYBILLS}, "gather_traces": POLLS}
FAIL_AT_ONCE = {"TokenError", "ClosureRefusedError", "LaneStoppedError", "PlatformBugError"}
LATE_MESSAGE = re.compile(r"message (\S+) took longer than its lease")
UNREADABLE = frozenset({"half_json", "bad_bytes", "nan"})
PUSH_BACKS = ("http_429", "qos_200", "qos_400")


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What happens in one round.

    :param minutes: by which the world goes on before it.
    :param faults: of the platform.
    :param disturb: share of processes that are killed or stopped.
    :param zombie: the step whose processes stand still from their first answer on, until the next
        round is over.
    :param erp: what the ERP's list is: ``whole``, ``empty``, or ``short`` of some rows; or the
        whole ERP is ``away``.
    :param dies: the commit at which each process that writes or sends is killed on its first try.
    :param deaf: channels that are down, and how.
    :param edits: of rows by people at the ERP, while the runs are at work.
    :param second: another live run at the same time: of one account or of all.
    :param priority: whether the orders of high priority have a run of their own.
    :param backfill: hours of shipping to read again.
    :param live: whether there is a live run of the schedule, and perhaps a second one.
    :param keep_days: how long pruning beside the runs keeps what it deletes; 0 is no pruning.
    :param steal: whether another program consumes what waits in an app's queue of messages.
    :param expire, renew: accounts whose token ends, or is replaced.
    :param cut: seconds after which the warehouse drops all connections.
    """

    minutes: int = HALF_HOUR
    faults: tuple[dict[str, Any], ...] = ()
    latency: Latency = field(default_factory=Latency)
    disturb: float = 0.0
    zombie: str = ""
    erp: str = "whole"
    dies: int = 0
    deaf: Mapping[str, str] = field(default_factory=dict)
    edits: int = 0
    second: str = ""
    priority: bool = False
    backfill: float = 0.0
    live: bool = True
    keep_days: float = 0.0
    steal: bool = False
    expire: str = ""
    renew: bool = False
    cut: float | None = None


def draw_plan(dice: random.Random) -> Plan:
    """A round with some of everything that may happen."""
    kinds = dice.sample(sorted(KINDS - {*PUSH_BACKS, "token_expired"}), dice.randint(0, 4))
    faults = [
        {"kind": kind, "probability": dice.uniform(0.02, 0.25), "seconds": 0.3} for kind in kinds
    ]
    if dice.random() < 0.15:
        faults.append({"kind": dice.choice(PUSH_BACKS), "times": dice.randint(1, 2)})
    if dice.random() < 0.08:
        faults.append({"kind": "token_expired", "times": 1})
    return Plan(
        minutes=HALF_HOUR * dice.choice((1, 1, 1, 2, 2, 3, 4, 9)),
        faults=tuple(faults),
        latency=Latency(dice.choice((0, 5, 30)), 250, dice.choice((0, 0.02))),
        disturb=dice.choice((0.0, 0.2, 0.4)),
        zombie=dice.choice((*["" for _ in range(10)], "fetch_waybills", "gather_traces")),
        erp=dice.choice((*["whole" for _ in range(14)], "short", "empty", "away")),
        deaf={
            channel: dice.choice(("status", "status", "reset", "lost"))
            for channel in ("ops", "shop", "buyers")
            if dice.random() < 0.25
        },
        edits=dice.choice((0, 0, 1, 3)),
        second=dice.choice(("", "", "", "", "all", "one")),
        priority=dice.random() < 0.3,
        backfill=dice.uniform(6, 40) if dice.random() < 0.25 else 0,
        live=dice.random() < 0.9,
        keep_days=dice.uniform(*KEPT_DAYS) if dice.random() < 0.25 else 0,
        steal=dice.random() < 0.1,
        expire=dice.choice((*["" for _ in range(30)], *ACCOUNTS)),
        renew=dice.random() < 0.5,
        cut=dice.uniform(0, 1) if dice.random() < 0.06 else None,
    )


def draw_plans(seed: int, rounds: int) -> list[Plan]:
    """The rounds of a seed; its list of the ERP is wholly wrong at least once."""
    dice = random.Random(f"{seed}/plans")
    plans = [draw_plan(dice) for _ in range(rounds)]
    plans[rounds // 2] = replace(plans[rounds // 2], erp="empty")
    alone = {"live": True, "second": "", "priority": False}
    return [replace(plan, **alone) if plan.erp == "empty" else plan for plan in plans]


class Simulation:
    """
    One world, its platform, its ERP and a fresh warehouse that follows them.

    :param warehouse: with its tables and nothing in them; nobody else's.
    :param folder: for the ERP and the log of the steps.
    :param orders: how many each account has.
    :param queries: folder of statements of the warehouse that replace the shipped ones.
    """

    def __init__(
        self,
        seed: int,
        warehouse: Engine,
        folder: Path,
        *,
        orders: int | None = None,
        queries: Path | None = None,
    ) -> None:
        dice = random.Random(f"{seed}/world")
        self.seed = seed
        self.warehouse = warehouse
        stories = {name: story.weight for name, story in STORIES.items()}
        stories["sign_withdrawn"] = dice.choice((0, 0, 8))
        accounts = {account: orders or dice.randint(14, 19) for account in ACCOUNTS}
        zone, self.start = ERPS[seed % len(ERPS)]
        self.world = World(seed, self.start, accounts, stories=stories)
        self.clock = Clock.standing(self.start)
        # In every other world the apps may only search for traces.
        denied = frozenset({TRACE_GET} if seed % 2 else ())
        apps = [replace(app, denied=denied) for app in apps_for(ACCOUNTS, LIMIT)]
        self.sandbox = Sandbox(self.world, self.clock, apps, token_hours=None, odd_forms=True)
        self.promised = PROMISED
        feeds = random.Random(f"{seed}/feeds")
        self.feeds = {account: feeds.choice(kinds) for account, kinds in FEEDS.items()}
        self.violations: list[Violation] = []
        self.round = 0
        self.at = self.start
        self.seconds = 0.0
        self.backfills_alone = False
        self._folder = folder
        self._log = folder / "steps.log"
        self._erp_path = folder / "erp.db"
        # A process that stands still may hold the file for longer than the usual five seconds.
        patient = {"timeout": LONGEST}
        self.erp = DemoErp(
            create_engine(f"sqlite:///{self._erp_path}", poolclass=NullPool, connect_args=patient),
            ZoneInfo(zone),
            has_zeros=True,
        )
        self.receiver = Receiver(*CHANNELS)
        self.people = People(self.erp.engine, self.erp.zone)
        self.were_deaf: set[str] = set()
        self.unsure: set[str] = set()
        self.signs: dict[str, datetime | None] = {}
        self._queries = queries
        self._tokens: dict[str, str] = {}
        self._expired: set[str] = set()
        self._usual: dict[str, float] = defaultdict(lambda: 0.5)
        self._processes: Processes | None = None

    def __enter__(self) -> Self:
        self.erp.create()
        with self.warehouse.begin() as connection:
            connection.exec_driver_sql(WATCH.read_text(encoding="utf-8"))
        self.sandbox.start()
        self.receiver.start()
        try:
            self._processes = Processes(
                {
                    "SHIPMENT_TRACKING_INCLUDE": str(OWNER_FOLDER),
                    "SHIPMENT_TRACKING_CLOCK_URL": self.sandbox.clock_url,
                },
                self._log,
                self._queries,
            )
        except BaseException:
            self.sandbox.stop()
            self.receiver.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.processes.close()
        self.sandbox.stop()
        self.receiver.stop()

    @property
    def processes(self) -> Processes:
        """The steps' processes, once entered."""
        assert self._processes is not None
        return self._processes

    def live(self, plans: Iterable[Plan]) -> None:
        """Go through some rounds."""
        began = time.monotonic()
        for plan in plans:
            self._live_through(plan)
            self._check(invariants.AT_ROUND_END)
        self.seconds += time.monotonic() - began

    def end(self) -> None:
        """Without faults, in a world that stands still, catch up; then everything must be right."""
        self._renew_tokens()
        self._wait_for_all_awake(thaw=self.round)
        self.sandbox.freeze(self.clock.now())
        time.sleep(LEASE)
        self.live(Plan(minutes=minutes) for minutes in CALMING)
        before = invariants.stored(self.warehouse)
        self.live([Plan()])
        if (after := invariants.stored(self.warehouse)) != before:
            self.note("a quiet run writes nothing", f"{before} became {after}")
        self._check(invariants.AT_THE_END + announcements.AT_THE_END)

    def reachable(self) -> set[str]:
        """The keys of the ERP's rows whose buyers want to be told."""
        return {
            row.order_no for row in rows(self.world) if row.values(self.at)["buyer_opted_out"] == 0
        }

    def late_messages(self) -> set[str]:
        """Ids of the messages that took longer than their lease, so that others may send them."""
        return set(LATE_MESSAGE.findall(self._log.read_text(encoding="utf-8")))

    def note(self, invariant: str, detail: str) -> None:
        """Keep a violation."""
        self.violations.append(Violation(self.seed, self.round, invariant, detail))

    def summary(self) -> str:
        """One line of what was lived through."""
        everything = self.processes.all
        return (
            f"seed {self.seed}: {sum(self.world.accounts.values())} orders, "
            f"{invariants.stored(self.warehouse)['events']} events, "
            f"{len(self.sandbox.calls)} calls, {len(self.receiver.deliveries())} messages, "
            f"feeds {', '.join(kind for kind in self.feeds.values() if kind) or 'none'} "
            f"(missed {invariants.missed_by_feeds(self.warehouse)}), "
            f"{invariants.pruned(self.warehouse)} orders pruned, "
            f"{len(everything)} processes, "
            f"{sum(process.killed for process in everything)} killed, "
            f"{sum(process.stopped for process in everything)} stopped, "
            f"{sum(bool(process.error) for process in everything)} failed, "
            f"{len(self.violations)} violations, {self.seconds:.0f} s"
        )

    def _check(self, checks: tuple[invariants.Invariant, ...]) -> None:
        for check in checks:
            name = check.__name__.replace("_", " ")
            for detail in check(self):
                self.note(name, detail)

    def _live_through(self, plan: Plan) -> None:
        # Where what is looked at is this round's alone, nobody may be left.
        is_alone = plan.erp == "empty" or not plan.live
        with self.processes.nobody_thaws:
            self._wait_for_all_awake(thaw=self.round if is_alone else self.round - 1)
            self.round += 1
            self.at = self.clock.advance(minutes=plan.minutes)
        self.erp.sync(self.world, self.at)
        self._set_faults(plan)
        self.backfills_alone = not plan.live and invariants.nothing_waits(self.warehouse)
        open_before = invariants.open_rows(self.warehouse)
        jobs = [partial(self._run_dag, plan, run) for run in self._runs(plan)]
        if plan.keep_days:
            night = Run(f"prune_{self.round}", "scheduled", self.at)
            jobs.append(partial(self._run_task, plan, night, "prune_warehouse"))
        if plan.cut is not None:
            jobs.append(partial(self._cut_connections, plan.cut))
        if plan.edits:
            jobs.append(partial(self.people.edit, plan.edits, self.at, self._dice("edits")))
        self._side_by_side(jobs)
        self.sandbox.faults.clear()
        if plan.zombie:
            time.sleep(LEASE)  # until their leases are anybody's
        self._wait_for_all_awake(thaw=self.round - 1)
        if plan.erp == "empty" and open_before:
            self._check_refusal(open_before)

    def _set_faults(self, plan: Plan) -> None:
        faults = self.sandbox.faults
        faults.clear()
        faults.latency = Latency(150) if plan.zombie else plan.latency
        for fault in plan.faults:
            faults.add(**fault)
        for channel in CHANNELS:
            self.receiver.set_mood(channel, plan.deaf.get(channel, "up"))
        self.were_deaf |= plan.deaf.keys()
        self.unsure |= {channel for channel, mood in plan.deaf.items() if mood == "lost"}
        if plan.steal:
            self.sandbox.lose_messages(self._dice("steal").choice(sorted(MESSAGES)))
        if plan.renew:
            self._renew_tokens()
        if plan.expire and plan.expire not in self._expired:
            self.sandbox.expire_token(plan.expire)
            self._expired |= {plan.expire} - RENEWING

    def _renew_tokens(self) -> None:
        for account in sorted(self._expired):
            self._tokens[account] = self.sandbox.replace_token(account)["access_token"]
        self._expired.clear()

    def _runs(self, plan: Plan) -> list[Run]:
        runs = []
        if plan.live:
            runs.append(Run(f"live_{self.round}", "scheduled", self.at))
        if plan.live and plan.second:
            only = self._dice("only").choice(ACCOUNTS) if plan.second == "one" else None
            runs.append(Run(f"second_{self.round}", "manual", self.at, only_account=only))
        if plan.live and plan.priority:
            runs.append(
                Run(f"priority_{self.round}", "scheduled", self.at, only_high_priority=True)
            )
        if plan.backfill:
            latest = (self.at - self.start + timedelta(days=3)) / timedelta(hours=1)
            begin = self.start - timedelta(days=3)
            begin += timedelta(hours=self._dice("backfill").uniform(0, latest))
            interval = (begin, begin + timedelta(hours=plan.backfill))
            runs.append(Run(f"backfill_{self.round}", "backfill", self.at, *interval))
        return runs

    def _side_by_side(self, jobs: Sequence[Callable[[], Any]]) -> None:
        if not jobs:
            return
        with ThreadPoolExecutor(len(jobs)) as pool:
            try:
                for future in [pool.submit(job) for job in jobs]:
                    future.result()
            except BaseException:
                self.processes.close()
                raise

    def _run_dag(self, plan: Plan, run: Run) -> None:
        if not run.run_id.startswith("live"):
            time.sleep(self._dice(run.run_id).uniform(0, 0.5))
        accounts = self._run_task(plan, run, "extract_orders")
        if accounts:
            self._side_by_side([partial(self._run_lane, plan, run, name) for name in accounts])
        self._run_task(plan, run, "load_traces")
        after = [partial(self._run_tasks, plan, run, WRITES)]
        if not run.is_backfill:
            after += [partial(self._run_task, plan, run, step) for step in SENDS]
        self._side_by_side(after)

    def _run_lane(self, plan: Plan, run: Run, account: str) -> None:
        if self._run_task(plan, run, "fetch_waybills", account) is not None:
            self._run_task(plan, run, "gather_traces", account)

    def _run_tasks(self, plan: Plan, run: Run, steps: Sequence[str]) -> None:
        for step in steps:
            self._run_task(plan, run, step)

    def _run_task(self, plan: Plan, run: Run, step: str, account: str = "") -> Any | None:
        """Try a task as Airflow would; returns its result, None when it failed or was lost."""
        for number in range(TRIES):
            dice = self._dice(run.run_id, step, account, number)
            process = self._start(
                plan, run, step, account, dies_at_commit=self._dies(plan, step, number, dice)
            )
            if plan.zombie == step and not number and not run.is_backfill:
                self._stop_once_answered(process)
            elif dice.random() < plan.disturb:
                self._disturb(process, dice)
            if process.thaw_at is None and not self.processes.wait(process, LONGEST):
                self.note("every process ends", f"{process} does not")
                self.processes.kill(process)
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
            return self._folder / "away" / "erp.db"
        if plan.erp == "whole" or step != "extract_orders" or not run.run_id.startswith("live"):
            return self._erp_path
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
            "warehouse": self.warehouse.url.render_as_string(hide_password=False),
            "dies_at_commit": dies_at_commit,
        }
        if step == "prune_warehouse":
            order |= {"keep_days": plan.keep_days, "budget": BUDGET}
        if step in (*WRITES, *SENDS, "extract_orders"):
            order |= {
                "erp": f"sqlite:///{self._path_of_erp(plan, run, step)}",
                "erp_zone": str(self.erp.zone),
            }
        if step == "extract_orders":
            order |= {"accounts": ACCOUNTS}
        elif step in SENDS:
            order |= {
                "channels": [
                    {
                        "audience": audience,
                        "name": name,
                        "url": self.receiver.url(name),
                        "secret": self.receiver.secret(name),
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
        return self.processes.start(
            order, round=self.round, expects=self._expected_errors(plan, step, account)
        )

    def _expected_errors(self, plan: Plan, step: str, account: str) -> frozenset[str]:
        kinds = {fault["kind"] for fault in plan.faults}
        expected = {"OperationalError"} if plan.cut is not None else set()
        if step in ASKS:
            if kinds & (HTTP_FAULTS | UNREADABLE):
                expected |= {"LaneStoppedError", "QuotaError", "RetryableError"}
            if "token_expired" in kinds or account in self._expired:
                expected.add("TokenError")
        if step == "extract_orders" and plan.erp == "empty":
            expected.add("ClosureRefusedError")
        if step in SENDS and self.were_deaf:
            expected.add("ChannelDownError")  # until the next try, which may be hours away
        if step in WRITES and plan.disturb:
            expected.add("WritebackError")  # somebody stands still with a row in his hands
        if plan.erp == "away" and step in (*WRITES, "extract_orders", "notify_changes"):
            expected.add("OperationalError")
        return frozenset(expected)

    def _account(self, name: str) -> dict[str, Any]:
        given = self.sandbox.connection(name)
        return {
            "conn_id": name,
            "platform": given["extra"]["platform"],
            "dialect": given["extra"]["dialect"],
            "gateway": given["host"],
            "app_key": given["login"],
            "app_secret": given["password"],
            "access_token": self._tokens.get(name, given["extra"]["access_token"]),
            "refresh_token": given["extra"]["refresh_token"] if name in RENEWING else None,
            "qps": PROMISED,
            "feed": self.feeds.get(name, ""),
        }

    def _wrong_erp(self, how: str) -> Path:
        """A copy of the ERP that lacks some of its shipped rows, or all."""
        path = self._folder / f"erp_{self.round}.db"
        shutil.copy(self._erp_path, path)
        with closing(sqlite3.connect(path)) as connection, connection:
            keys = [key for (key,) in connection.execute("select order_no from erp_order")]
            lost = keys if how == "empty" else self._dice("short").sample(sorted(keys), 6)
            connection.executemany(
                "delete from erp_order where order_no = ?", [(key,) for key in lost]
            )
        return path

    def _disturb(self, process: Process, dice: random.Random) -> None:
        """Kill it or let it stand still at a moment of its usual life."""
        moment = dice.uniform(0, 1.1) * self._usual[process.step]
        if self.processes.wait(process, moment):
            return
        if dice.random() < 0.65:
            self.processes.kill(process)
        else:
            least = LEASE + 0.2
            self.processes.stop(process, least=least, most=least + dice.uniform(0, 1.5))

    def _stop_once_answered(self, process: Process) -> None:
        """Let it stand still while its first answers are on their way."""
        first = len(self.sandbox.calls)
        while not process.over.is_set():
            time.sleep(0.002)
            if any(
                call.account == process.account
                and call.api in ASKS[process.step]
                and call.outcome in ANSWERED
                for call in self.sandbox.calls[first:]
            ):
                self.processes.stop(process, least=LEASE + 0.2, most=LONGEST / 2)
                return

    def _check_refusal(self, open_before: set[str]) -> None:
        """A wholly wrong list was refused, and nothing was closed."""
        for process in self.processes.all:
            extracts = process.run_id == f"live_{self.round}" and process.step == "extract_orders"
            if extracts and process.ended_well:
                self.note("an empty list of the ERP is refused", f"{process} took it over")
        if closed := open_before - invariants.open_rows(self.warehouse):
            self.note("an empty list of the ERP closes nothing", f"{len(closed)} rows are closed")

    def _wait_for_all_awake(self, *, thaw: int) -> None:
        """
        Wait for the end of everything that does not stand still, or not since a round up to this.

        Time goes on in leaps here, and nobody may be amidst a call then: real time has no leaps.
        """
        deadline = time.monotonic() + LONGEST
        while rest := self.processes.at_work(last_round=thaw):
            self.processes.thaw(last_round=thaw)
            rest[0].over.wait(0.05)
            if time.monotonic() > deadline:
                self.note("every process ends", f"{rest[0]} does not")
                self.processes.kill(rest[0])
                rest[0].over.wait(LONGEST)

    def _cut_connections(self, after: float) -> None:
        """Drop every connection to the warehouse, as a restart does."""
        time.sleep(after)
        drop = text(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        with self.warehouse.connect() as connection:
            connection.execute(drop)

    def _dice(self, *names: object) -> random.Random:
        return random.Random("/".join(map(str, (self.seed, self.round, *names))))
