"""A sandbox with accounts of Taobao and Tmall."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import requests

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.platform_taobao import FULL_TRADE, TRADE, sign
from sandbox.server import Sandbox
from sandbox.stories import STORIES
from sandbox.world import Order, World

from .calls import ACCOUNTS, SHANGHAI, START, Call

FIELDS = "tid,order_code,out_sid,company_name,status,is_split,sub_tids"


@pytest.fixture
def world() -> World:
    return World(11, START, ACCOUNTS, stories=dict.fromkeys(STORIES, 1))


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(START + timedelta(days=3))


@pytest.fixture
def sandbox(world: World, clock: Clock) -> Iterator[Sandbox]:
    apps = apps_for(list(ACCOUNTS), qps=None)
    with Sandbox(world, clock, apps, token_hours=None) as running:
        yield running


@pytest.fixture
def story(world: World) -> Callable[[str], Order]:
    """Taobao's order that lives a story."""
    return lambda name: next(
        order for order in world.orders("platform_taobao") if order.story == name
    )


@pytest.fixture
def call(sandbox: Sandbox, session: requests.Session) -> Call:
    """Call an API as an account, rightly signed; keywords change or (None) drop parameters."""

    def send(
        api: str,
        tid: str = "",
        *,
        account: str = "platform_taobao",
        secret: str = "",
        http: str = "POST",
        **changes: str | None,
    ) -> requests.Response:
        given = sandbox.connection(account)
        params = {
            "method": api,
            "app_key": given["login"],
            "session": given["extra"]["access_token"],
            "timestamp": f"{datetime.now(SHANGHAI):%Y-%m-%d %H:%M:%S}",
            "format": "json",
            "v": "2.0",
            "sign_method": "hmac-sha256",
            "tid": tid,
            "fields": "tid,status" if api in (TRADE, FULL_TRADE) else FIELDS,
        } | changes
        sent = {name: value for name, value in params.items() if value is not None}
        if "sign" not in changes:
            method = sent.get("sign_method", "md5")
            sent["sign"] = sign(sent, secret or given["password"], method)
        data = {"params": sent} if http == "GET" else {"data": sent}
        return session.request(http, f"{sandbox.url}/router/rest", timeout=5, **data)

    return send
