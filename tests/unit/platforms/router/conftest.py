"""Clients of both forms of the router on the talker."""

from dataclasses import replace

import pytest

from shipment_tracking.platforms.dialects import client as open_client
from shipment_tracking.platforms.router.client import Router1688Client, RouterTaobaoClient


@pytest.fixture
def client(gateway) -> Router1688Client:
    gateway.account = replace(gateway.account, dialect="router")
    opened = open_client(gateway)
    assert isinstance(opened, Router1688Client)
    return opened


@pytest.fixture
def shop(gateway) -> RouterTaobaoClient:
    gateway.account = replace(gateway.account, dialect="router", platform="taobao", access_token="")
    opened = open_client(gateway)
    assert isinstance(opened, RouterTaobaoClient)
    return opened
