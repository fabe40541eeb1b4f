"""A client of Taobao on the talker."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from shipment_tracking.platforms.taobao.client import TaobaoClient

from .answers import NO_PACKAGE, ORDER


@pytest.fixture
def client(gateway) -> TaobaoClient:
    gateway.account = replace(
        gateway.account, conn_id="platform_taobao", platform="taobao", dialect="top"
    )
    return TaobaoClient(gateway)


@pytest.fixture
def searching(client, talker) -> TaobaoClient:
    """A client that learnt that its app may only search."""
    talker.says(NO_PACKAGE)
    talker.says({"logistics_trace_search_response": {"request_id": "r"}})
    client.fetch_traces(ORDER)
    talker.answers.clear()
    talker.asked.clear()
    return client


@pytest.fixture
def asked(talker) -> Callable[[], list[str]]:
    """The APIs that were called, in turn."""
    return lambda: [form["method"] for _, form in talker.asked]
