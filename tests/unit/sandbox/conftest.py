"""A small world with every story in it, and a sandbox that serves it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.platform_1688 import NAMESPACES, sign
from sandbox.server import Sandbox
from sandbox.stories import STORIES
from sandbox.world import Order, World

START = datetime(2026, 3, 2, tzinfo=UTC)
ACCOUNTS = {"platform_1688": 70, "platform_1688_east": 20, "platform_1688_south": 20}


@pytest.fixture
def world() -> World:
    return World(11, START, ACCOUNTS, stories=dict.fromkeys(STORIES, 1))


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(START + timedelta(days=3))


@pytest.fixture
def sandbox(world: World, clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(world, clock, apps_for(ACCOUNTS, qps=None), token_hours=None) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        yield opened


@pytest.fixture
def story(world: World) -> Callable[[str], Order]:
    """The first account's order that lives a story."""
    return lambda name: next(
        order for order in world.orders("platform_1688") if order.story == name
    )


@pytest.fixture
def call(sandbox: Sandbox, session: requests.Session) -> Callable[..., requests.Response]:
    """Call an API as an account, rightly signed; keywords change or (None) drop parameters."""

    def send(
        api: str,
        order_id: str = "",
        *,
        account: str = "platform_1688",
        secret: str = "",
        method: str = "POST",
        **changes: str | None,
    ) -> requests.Response:
        given = sandbox.connection(account)
        path = f"param2/1/{NAMESPACES[api]}/{api}/{given['login']}"
        params = {
            "orderId": order_id,
            "webSite": "1688",
            "fields": "company.name",
            "access_token": given["extra"]["access_token"],
        } | changes
        sent = {name: value for name, value in params.items() if value is not None}
        if "_aop_signature" not in changes:
            sent["_aop_signature"] = sign(path, sent, secret or given["password"]).decode()
        url = f"{sandbox.url}/openapi/{path}"
        data = {"params": sent} if method == "GET" else {"data": sent}
        return session.request(method, url, timeout=5, **data)

    return send
