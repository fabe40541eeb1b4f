"""Which module speaks which dialect, and which platforms are reached by it."""

from collections.abc import Callable

from shipment_tracking.platforms import ali1688, router, taobao
from shipment_tracking.platforms.ali1688 import (
    client as ali1688_client,
    feed as ali1688_feed,
    oauth as ali1688_oauth,
    probe as ali1688_probe,
    traces as ali1688_traces,
)
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import PlatformClient, TraceReader
from shipment_tracking.platforms.probe import Probes
from shipment_tracking.platforms.router import (
    api as router_api,
    client as router_client,
    probe as router_probe,
    traces as router_traces,
)
from shipment_tracking.platforms.taobao import (
    client as taobao_client,
    feed as taobao_feed,
    oauth as taobao_oauth,
    probe as taobao_probe,
    traces as taobao_traces,
)
from shipment_tracking.platforms.tokens import OAuth

CLIENTS: dict[str, Callable[[Gateway], PlatformClient]] = {
    ali1688.DIALECT: ali1688_client.Ali1688Client,
    taobao.DIALECT: taobao_client.TaobaoClient,
    router.DIALECT: router_client.client,
}
PLATFORMS: dict[str, tuple[str, ...]] = {
    ali1688.DIALECT: ("1688",),
    taobao.DIALECT: ("taobao", "tmall"),
    router.DIALECT: ("1688", "taobao", "tmall"),
}
DIALECT_OF = {"1688": ali1688.DIALECT, "taobao": taobao.DIALECT, "tmall": taobao.DIALECT}
"""The platforms, each with its official dialect: an account's own, unless it names another."""

FEEDS: dict[str, tuple[str, ...]] = {
    ali1688.DIALECT: tuple(ali1688_feed.FEEDS),
    taobao.DIALECT: tuple(taobao_feed.FEEDS),
    router.DIALECT: (),
}
"""What can tell which orders changed."""

READERS: dict[str, TraceReader] = {
    ali1688.DIALECT: ali1688_traces.read_traces,
    taobao.DIALECT: taobao_traces.read_traces,
    router.DIALECT: router_traces.read_traces,
}
PROBES: dict[str, Probes] = {
    ali1688.DIALECT: ali1688_probe.probes,
    taobao.DIALECT: taobao_probe.probes,
    router.DIALECT: router_probe.probes,
}
OAUTHS: dict[str, OAuth] = {
    ali1688.DIALECT: ali1688_oauth.OAUTH,
    taobao.DIALECT: taobao_oauth.OAUTH,
}
"""Dialects whose access tokens can be renewed."""


def client(gateway: Gateway) -> PlatformClient:
    """The client of the gateway's dialect."""
    return CLIENTS[gateway.account.dialect](gateway)


def needs_access_token(dialect: str, platform: str) -> bool:
    """Whether an account can be asked with an access token alone."""
    return dialect != router.DIALECT or router_api.has_session(platform)
