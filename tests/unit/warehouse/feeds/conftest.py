"""Half hours of a lane with a change feed."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.erp import DemoErp
from sandbox.server import Sandbox
from sandbox.world import World
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.platforms.ports import ChangeFeed, PlatformClient
from shipment_tracking.steps import extract_orders, fetch_waybills, gather_traces, load_traces
from shipment_tracking.warehouse.lanes import LaneContext

from .state import BUDGET, BUYER, HALF_HOUR, SELLER, START, Pass


@pytest.fixture
def stories() -> Mapping[str, int]:
    return {"signed_by_self": 3, "split": 1, "goes_silent": 2}


@pytest.fixture
def world(stories: Mapping[str, int]) -> World:
    accounts = {BUYER: 9, SELLER: 9, "platform_tmall": 3}
    return World(11, START, accounts, stories=stories, shipping_hours=6)


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(START + timedelta(hours=12))


@pytest.fixture
def sandbox(world: World, clock: Clock) -> Iterator[Sandbox]:
    apps = list(apps_for(world.accounts, qps=None))
    with Sandbox(world, clock, apps, token_hours=None) as running:
        yield running


@pytest.fixture
def live(
    sandbox: Sandbox,
    erp: SqlErp,
    warehouse: Engine,
    open_client: Callable[..., PlatformClient],
    new_run: Callable[..., Run],
) -> Pass:
    """Let half an hour pass and run an account's lane; returns what ``fetch_waybills`` says."""
    shop = DemoErp(erp.engine)
    shop.create()

    def run(
        account: str = SELLER,
        feed: str | ChangeFeed = "messages",
        *,
        after: timedelta = HALF_HOUR,
        **changes: Any,
    ) -> dict[str, Any]:
        now = sandbox.clock.advance(minutes=after / timedelta(minutes=1))
        shop.sync(sandbox.world, now)
        this_run = new_run(**changes)
        lanes = extract_orders.run(
            erp, warehouse, this_run, knows_account=lambda account: True, now=now
        )
        sandbox.clear_calls()
        if account not in lanes:
            return {}
        if isinstance(feed, str):
            client = open_client(sandbox, account, feed=feed)
        else:
            kind = "orders" if feed.own_orders else "messages"
            client = open_client(sandbox, account, feed=kind)
            client.feed = feed
        lane = LaneContext(warehouse, client, this_run, account, BUDGET, sandbox.clock.now)
        counts = fetch_waybills.run(lane)
        gather_traces.run(lane)
        load_traces.run(warehouse, this_run, now=now)
        return counts

    return run


@pytest.fixture
def asked(sandbox: Sandbox) -> Callable[..., set[str]]:
    """The orders that an API was asked about since the last pass began."""
    return lambda *apis: {call.order_id for call in sandbox.calls if call.api in apis}


@pytest.fixture
def scanned(sandbox: Sandbox) -> Callable[..., set[str]]:
    """An account's orders with a scan within the last half hour."""

    def find(account: str = SELLER, within: timedelta = HALF_HOUR) -> set[str]:
        now = sandbox.clock.now()
        return {
            order.order_id
            for order in sandbox.world.orders(account)
            for parcel in order.parcels
            for step in parcel.steps
            if now - within < step.published_at <= now
        }

    return find
