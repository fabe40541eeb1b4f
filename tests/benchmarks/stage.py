"""What the benchmarks play on: a PostgreSQL, a stand-in platform in its own process, clients."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from sandbox.erp import DemoErp
from sandbox.postgres import PrivatePostgres
from sandbox.world import World
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.platforms.dialects import client
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import Account, PlatformClient
from shipment_tracking.steps import (
    create_tables,
    extract_orders,
    fetch_waybills,
    gather_traces,
    load_traces,
)
from shipment_tracking.warehouse.lanes import LaneContext
from shipment_tracking.warehouse.quota import Quota

START = datetime(2026, 3, 2, tzinfo=UTC)
NOW = START + timedelta(days=3)
ACCOUNT = "platform_1688"
BUDGET = timedelta(hours=1)
UNLIMITED = 100_000.0
OWNER = Path(__file__).parents[2] / "sandbox" / "owner"


class Platform:
    """A stand-in platform in a process of its own, so that its work does not slow down ours."""

    def __init__(self, orders: int, *, accounts: tuple[str, ...] = (ACCOUNT,), qps: float = 0):
        command = [
            *(sys.executable, "-m", "sandbox", "platform", "--port", "0", "--speed", "0"),
            *("--clock", NOW.isoformat(), "--start", START.isoformat(), "--qps", str(qps)),
            *("--orders", str(orders), "--accounts", ",".join(accounts)),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.connections: dict[str, dict[str, Any]] = {}
        for line in self._process.stdout:
            if found := re.match(r"(platform_\S+) +(\{.*)", line):
                self.connections[found[1]] = json.loads(found[2])
            elif line.startswith("platform "):
                self.url = line.split()[1]
            elif line.startswith("stop"):
                break

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()

    def answers_in(self, usual_ms: float, slow_ms: float = 0, slow_share: float = 0) -> None:
        """Let answers take so long."""
        latency = {"usual_ms": usual_ms, "slow_ms": slow_ms, "slow_share": slow_share}
        self._control("faults", {"latency": latency})

    def move_to(self, at: datetime) -> None:
        """Let the world be as it is at a time."""
        self._control("clock", {"set": at.isoformat()})

    def usage(self) -> dict[str, Any]:
        """What the platform counted since it began."""
        with urllib.request.urlopen(f"{self.url}/control/usage") as reply:
            return dict(json.load(reply))

    def _control(self, what: str, wanted: Mapping[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self.url}/control/{what}", json.dumps(wanted).encode(), method="POST"
        )
        with urllib.request.urlopen(request) as reply:
            reply.read()


@dataclass
class Stage:
    """A warehouse, an ERP full of orders, and the platform that knows them."""

    warehouse: Engine
    platform: Platform
    world: World
    erp: DemoErp
    name: str = ACCOUNT
    now: datetime = NOW
    _runs: Iterator[int] = field(default_factory=lambda: count(1))

    def account(self, *, qps: float = UNLIMITED) -> Account:
        """The connection of the account, as the hook reads it."""
        return account_of(self.platform.connections[self.name], self.name, qps)

    def extract(self) -> None:
        """Take the ERP's orders of the present over."""
        self.erp.sync(self.world, self.now)
        extract_orders.run(
            SqlErp(self.erp.engine, ZoneInfo("Asia/Shanghai")),
            self.warehouse,
            self.next_run(),
            knows_account=lambda account: True,
            now=self.now,
        )

    def fetch(self, opened: PlatformClient) -> dict[str, Any]:
        """Ask for the parcels that are due."""
        return fetch_waybills.run(self._lane(opened))

    def gather(self, opened: PlatformClient) -> dict[str, Any]:
        """Poll what is due."""
        return gather_traces.run(self._lane(opened))

    def load(self) -> dict[str, int]:
        """Load what was gathered."""
        return load_traces.run(self.warehouse, self.next_run(), now=self.now)

    def next_run(self) -> Run:
        """A run of its own."""
        return Run(f"bench_{next(self._runs)}", "manual", self.now)

    def _lane(self, opened: PlatformClient) -> LaneContext:
        return LaneContext(
            self.warehouse, opened, self.next_run(), "bench", BUDGET, lambda: self.now
        )


def account_of(connection: Mapping[str, Any], name: str, qps: float) -> Account:
    """An account from its connection."""
    extra = connection["extra"]
    return Account(
        conn_id=name,
        platform=extra["platform"],
        dialect=extra["dialect"],
        gateway=connection["host"],
        app_key=connection["login"],
        app_secret=connection["password"],
        access_token=extra["access_token"],
        refresh_token=None,
        qps=qps,
    )


@contextmanager
def opened(warehouse: Engine, account: Account) -> Iterator[PlatformClient]:
    """A client of the account."""
    quota = Quota(
        warehouse,
        gateway=account.gateway,
        app_key=account.app_key,
        account=account.conn_id,
        qps=account.qps,
    )
    found = client(Gateway(account, quota))
    try:
        yield found
    finally:
        found.close()


class Theatre:
    """One PostgreSQL server for all benchmarks; each gets databases of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self.folder = Path(self._folder.name)
        # A pass is timed on every order there is.
        owner = shutil.copytree(OWNER, self.folder / "owner")
        (owner / "polling.csv").write_text("stage,quiet_hours,minutes\nany,0,0\n")
        os.environ["SHIPMENT_TRACKING_INCLUDE"] = str(owner)
        self._server = PrivatePostgres(self.folder / "postgres")
        self._server.start()
        self._names = count(1)

    def close(self) -> None:
        """Leave nothing behind."""
        self._server.remove()
        self._folder.cleanup()

    def database(self) -> Engine:
        """An empty database."""
        url = self._server.create_database(f"bench_{next(self._names)}")
        return create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            poolclass=NullPool,
            connect_args={"prepare_threshold": None},
        )

    def warehouse(self) -> Engine:
        """A database with the warehouse's tables."""
        engine = self.database()
        create_tables.run(engine)
        return engine

    @contextmanager
    def stage(self, orders: int, *, usual_ms: float = 0, account: str = ACCOUNT) -> Iterator[Stage]:
        """A world of so many orders of one account that nobody has read yet."""
        platform = Platform(orders, accounts=(account,))
        try:
            platform.answers_in(usual_ms)
            file = self.folder / f"erp_{next(self._names)}.db"
            erp = DemoErp(create_engine(f"sqlite:///{file}", poolclass=NullPool))
            erp.create()
            world = World(1, START, {account: orders})
            yield Stage(self.warehouse(), platform, world, erp, account)
        finally:
            platform.stop()
