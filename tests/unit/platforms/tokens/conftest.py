"""Clients of a sandbox whose tokens end."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from sandbox.clock import Clock
from sandbox.defaults import App, apps_for
from sandbox.server import Sandbox
from sandbox.world import World
from shipment_tracking.platforms.dialects import DIALECTS, client
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import Account, PlatformClient
from shipment_tracking.platforms.tokens import Tokens
from shipment_tracking.warehouse.quota import Quota
from shipment_tracking.warehouse.tokens import WarehouseTokens

from .calls import EAST, START, TAOBAO, Cipher

SHIPPED = START + timedelta(days=4)


@pytest.fixture
def cipher() -> Cipher:
    return Cipher()


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(SHIPPED)


@pytest.fixture
def apps() -> list[App]:
    """Four accounts of one app of 1688, one of Taobao."""
    first, second, third, shop = apps_for(("platform_1688", *EAST[1:], TAOBAO), qps=None)
    accounts = (*first.accounts, *second.accounts, *third.accounts)
    return [replace(first, accounts=accounts), shop]


@pytest.fixture
def sandbox(clock: Clock, apps: list[App]) -> Iterator[Sandbox]:
    world = World(3, START, dict.fromkeys((*EAST, TAOBAO), 12), stories={"signed_by_self": 1})
    with Sandbox(world, clock, apps, token_hours=10) as running:
        yield running


@pytest.fixture
def connect(
    sandbox: Sandbox,
    quotas: Engine,
    cipher: Cipher,
    clock: Clock,
    account_of: Callable[..., Account],
) -> Iterator[Callable[..., PlatformClient]]:
    """A client as another process would open it; keywords change fields of the connection."""
    opened: list[PlatformClient] = []
    usual = WarehouseTokens(quotas, cipher)

    def make(
        account: str = EAST[0],
        *,
        store: WarehouseTokens | None = usual,
        **changes: Any,
    ) -> PlatformClient:
        pasted = {"refresh_token": sandbox.connection(account)["extra"]["refresh_token"]}
        found = account_of(sandbox, account, **pasted | changes)
        quota = Quota(
            quotas, gateway=found.gateway, app_key=found.app_key, account=account, qps=1000
        )
        tokens = Tokens(found, DIALECTS[found.dialect].oauth, store, clock=clock.now)
        opened.append(client(Gateway(found, quota, tokens, sleep=lambda seconds: None)))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
