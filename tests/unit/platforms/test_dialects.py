"""Accounts of every platform go through the same steps, and each ends as the truth has it."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from sandbox.airflow_home import OWNER
from sandbox.clock import Clock
from sandbox.defaults import App, apps_for
from sandbox.erp import DemoErp
from sandbox.platform_1688 import TRACES
from sandbox.platform_router import ORDER_STATUS, WAYBILL_TRACE
from sandbox.platform_taobao import TRACE_GET
from sandbox.server import Sandbox
from sandbox.stories import STORIES
from sandbox.witness import differences, erp_differences, leaks
from sandbox.world import World, platform_of
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.platforms.ports import PlatformClient
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import (
    extract_orders,
    fetch_waybills,
    gather_traces,
    load_traces,
    mark_signed,
    show_trace,
)
from shipment_tracking.warehouse.lanes import LaneContext

START = datetime(2026, 3, 2, tzinfo=UTC)
# Enough for Taobao, and for either form of the router, to live every usual story once.
USUAL = len(STORIES) - 1
LEFT_OUT = {"sign_withdrawn", "number_given_up", "reused_number", "refused_signature"}
"""Where the time of reading decides what is true."""
ACCOUNTS = {
    "platform_1688": 6,
    "platform_taobao": USUAL,
    "platform_tmall": 10,
    "platform_router": USUAL,
    "platform_router_tmall": USUAL,
}
BUDGET = timedelta(minutes=5)

Pass = Callable[..., None]


@pytest.fixture
def world() -> World:
    return World(19, START, ACCOUNTS, stories=dict.fromkeys(STORIES.keys() - LEFT_OUT, 1))


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(START + timedelta(days=1))


@pytest.fixture
def apps() -> list[App]:
    """Taobao and Tmall share one app."""
    return list(apps_for(list(ACCOUNTS), qps=None))


@pytest.fixture
def sandbox(world: World, clock: Clock, apps: list[App]) -> Iterator[Sandbox]:
    with Sandbox(world, clock, apps, token_hours=None) as running:
        yield running


@pytest.fixture
def live(
    sandbox: Sandbox,
    erp: SqlErp,
    warehouse: Engine,
    open_client: Callable[..., PlatformClient],
    new_run: Callable[..., Run],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Pass:
    """Let hours pass and run every step once."""
    shop = DemoErp(erp.engine)
    shop.create()
    shutil.copytree(OWNER, tmp_path / "include")
    # What a pass over all orders costs is counted here.
    (tmp_path / "include" / "polling.csv").write_text("stage,quiet_hours,minutes\nany,0,0\n")
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path / "include"))

    def run(hours: float = 0) -> None:
        now = sandbox.clock.advance(minutes=hours * 60)
        shop.sync(sandbox.world, now)
        this_run = new_run()
        lanes = extract_orders.run(
            erp, warehouse, this_run, knows_account=ACCOUNTS.__contains__, now=now
        )
        assert lanes == sorted(ACCOUNTS)
        for account in lanes:
            client = open_client(sandbox, account)
            lane = LaneContext(warehouse, client, this_run, account, BUDGET, sandbox.clock.now)
            fetch_waybills.run(lane)
            gather_traces.run(lane)
        assert load_traces.run(warehouse, this_run, now=now)["unreadable"] == 0
        mark_signed.run(warehouse, erp, this_run, now=now)
        show_trace.run(warehouse, erp, this_run)

    return run


def test_a_world_of_every_dialect_ends_as_its_truth(sandbox, world, live, warehouse, erp):
    live()
    live(12)
    sandbox.freeze(sandbox.clock.now() + timedelta(hours=60))
    for hours in (30, 30, 0.5, 24.5, 0.5):
        live(hours)

    now = sandbox.clock.now()
    assert differences(warehouse, world, now) == []
    assert erp_differences(erp.engine, world, now) == []
    assert leaks(warehouse, world) == []
    with warehouse.connect() as connection:
        stored = connection.execute(text("select distinct account, platform from analytics.orders"))
        assert {row.account: row.platform for row in stored} == {
            account: platform_of(account) for account in ACCOUNTS
        }

    sandbox.clear_calls()
    live(0.5)

    # A quiet pass costs one call an order, and one a parcel where a platform is asked by waybill:
    # nobody asks again which parcel a waybill belongs to, or for one that was superseded.
    truth = world.truth(now)
    polls = Counter(
        (call.account, call.order_id) for call in sandbox.calls if call.outcome in ("ok", "empty")
    )
    assert polls == {
        (account, order_id): len(truth[account, order_id].parcels)
        if account == "platform_router"
        else 1
        for account, order_id in polls
    }
    assert {account for account, _ in polls} == set(ACCOUNTS)
    assert {call.api for call in sandbox.calls if call.outcome == "ok"} == {
        TRACES,
        TRACE_GET,
        WAYBILL_TRACE,
        ORDER_STATUS,
    }


def test_an_app_that_may_only_search_reaches_the_same_truth(sandbox, world, live, warehouse, apps):
    for app in apps:
        sandbox.taobao.apps[app.key] = replace(app, denied=frozenset({TRACE_GET}))
    for kind in ("http_500", "reset", "half_json", "html", "empty", "duplicated", "reordered"):
        sandbox.faults.add(kind, probability=0.02)
    live()
    live(12)
    sandbox.freeze(sandbox.clock.now() + timedelta(hours=60))
    for hours in (30, 30):
        live(hours)
    sandbox.faults.clear()
    for hours in (24.5, 24.5, 0.5):
        live(hours)

    now = sandbox.clock.now()
    assert differences(warehouse, world, now) == []
    assert leaks(warehouse, world) == []
