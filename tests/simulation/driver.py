"""
Lives through days of a seeded world: the pipeline's steps as the DAG runs them, under faults.

The plan of a round follows from the seed alone; how processes interleave does not, so a seed shows
the same trouble again, though not always the same moment of it.
"""

import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from sandbox.clock import Clock
from sandbox.defaults import ACCOUNTS, apps_for
from sandbox.erp import DemoErp, rows
from sandbox.faults import Latency
from sandbox.platform_taobao import TRACE_GET
from sandbox.receiver import Receiver
from sandbox.server import Sandbox
from sandbox.stories import STORIES
from sandbox.world import World
from shipment_tracking.domain.models import Run

from . import announcements, calls, invariants, writebacks
from .dag import CHANNELS, LEASE, LONGEST, PROMISED, RENEWING, Dag
from .invariants import Violation
from .people import People
from .plans import HALF_HOUR, Plan
from .processes import Processes

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


LATE_MESSAGE = re.compile(r"message (\S+) took longer than its lease")


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
        self.folder = folder
        self._log = folder / "steps.log"
        self.erp_path = folder / "erp.db"
        # A process that stands still may hold the file for longer than the usual five seconds.
        patient = {"timeout": LONGEST}
        self.erp = DemoErp(
            create_engine(f"sqlite:///{self.erp_path}", poolclass=NullPool, connect_args=patient),
            ZoneInfo(zone),
            has_zeros=True,
        )
        self.receiver = Receiver(*CHANNELS)
        self.people = People(self.erp.engine, self.warehouse, self.erp.zone)
        self.were_deaf: set[str] = set()
        self.unsure: set[str] = set()
        self.signs: dict[str, datetime | None] = {}
        self._queries = queries
        self.tokens: dict[str, str] = {}
        self.expired: set[str] = set()
        self.dag = Dag(self)
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
            self._check(invariants.AT_ROUND_END + writebacks.AT_ROUND_END)
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
        self.judge()

    def judge(self) -> None:
        """Compare everything that was written and sent with the world as it is now."""
        for module in (invariants, writebacks, calls, announcements):
            self._check(module.AT_THE_END)

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
            f"alerts {invariants.alerts(self.warehouse) or 'none'}, "
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
        jobs = [partial(self.dag.run, plan, run) for run in self._runs(plan)]
        if plan.keep_days:
            night = Run(f"prune_{self.round}", "scheduled", self.at)
            jobs.append(partial(self.dag.run_task, plan, night, "prune_warehouse"))
        if plan.cut is not None:
            jobs.append(partial(self._cut_connections, plan.cut))
        if plan.edits:
            jobs.append(partial(self.people.edit, plan.edits, self.at, self.dice("edits")))
        self.side_by_side(jobs)
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
            self.sandbox.lose_messages(self.dice("steal").choice(sorted(MESSAGES)))
        if plan.renew:
            self._renew_tokens()
        if plan.expire and plan.expire not in self.expired:
            self.sandbox.expire_token(plan.expire)
            self.expired |= {plan.expire} - RENEWING

    def _renew_tokens(self) -> None:
        for account in sorted(self.expired):
            self.tokens[account] = self.sandbox.replace_token(account)["access_token"]
        self.expired.clear()

    def _runs(self, plan: Plan) -> list[Run]:
        runs = []
        if plan.live:
            runs.append(Run(f"live_{self.round}", "scheduled", self.at))
        if plan.live and plan.second:
            only = self.dice("only").choice(ACCOUNTS) if plan.second == "one" else None
            runs.append(Run(f"second_{self.round}", "manual", self.at, only_account=only))
        if plan.live and plan.priority:
            runs.append(
                Run(f"priority_{self.round}", "scheduled", self.at, only_high_priority=True)
            )
        if plan.backfill:
            latest = (self.at - self.start + timedelta(days=3)) / timedelta(hours=1)
            begin = self.start - timedelta(days=3)
            begin += timedelta(hours=self.dice("backfill").uniform(0, latest))
            interval = (begin, begin + timedelta(hours=plan.backfill))
            runs.append(Run(f"backfill_{self.round}", "backfill", self.at, *interval))
        return runs

    def side_by_side(self, jobs: Sequence[Callable[[], Any]]) -> None:
        """Do them at the same time; an error of one ends all processes."""
        if not jobs:
            return
        with ThreadPoolExecutor(len(jobs)) as pool:
            try:
                for future in [pool.submit(job) for job in jobs]:
                    future.result()
            except BaseException:
                self.processes.close()
                raise

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

    def dice(self, *names: object) -> random.Random:
        """Dice for one purpose in this round, which fall alike for the same seed."""
        return random.Random("/".join(map(str, (self.seed, self.round, *names))))
