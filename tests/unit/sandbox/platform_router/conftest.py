"""A sandbox with accounts of the router."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import requests

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.server import Sandbox
from sandbox.stories import STORIES
from sandbox.world import Order, World

from .article import ACCOUNTS, ArticlesClient

START = datetime(2026, 3, 2, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def world() -> World:
    return World(11, START, ACCOUNTS, stories=dict.fromkeys(STORIES, 1))


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(START + timedelta(days=3))


@pytest.fixture
def sandbox(world: World, clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(world, clock, apps_for(list(ACCOUNTS), qps=None), token_hours=None) as running:
        yield running


@pytest.fixture
def story(world: World) -> Callable[..., Order]:
    return lambda name, account="platform_router": next(
        order for order in world.orders(account) if order.story == name
    )


@pytest.fixture
def client(sandbox: Sandbox) -> Callable[..., ArticlesClient]:
    """The article's client of the first account; keywords change what it sends."""

    def make(secret: str = "", **changes: str | None) -> ArticlesClient:
        given = sandbox.connection("platform_router")
        return ArticlesClient(
            f"{sandbox.url}/openapi/http/2/1",
            given["login"],
            secret or given["password"],
            given["extra"]["access_token"],
            changes,
        )

    return make


@pytest.fixture
def ask_status(sandbox: Sandbox) -> Callable[..., requests.Response]:
    """Ask for an order's status as the Taobao article does, signed by its rule."""

    def ask(order_id: str, secret: str = "", **changes: str) -> requests.Response:
        given = sandbox.connection("platform_router_taobao")
        params = {
            "method": "alibaba.logistics.OpQueryLogisticsTrace",
            "app_key": given["login"],
            "timestamp": datetime.now(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S"),
            "format": "json",
            "v": "2.0",
            "sign_method": "md5",
            "order_id": order_id,
        } | changes
        secret = secret or given["password"]
        joined = "".join(f"{key}{params[key]}" for key in sorted(params))
        sign = hashlib.md5(f"{secret}{joined}{secret}".encode()).hexdigest().upper()
        return requests.get(f"{sandbox.url}/router/rest", params=params | {"sign": sign}, timeout=5)

    return ask
