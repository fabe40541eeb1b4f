"""Which module speaks which dialect, and which platforms are reached by it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    One protocol.

    :param platforms: what is reached by it.
    :param is_official: an account of these platforms speaks it, unless it names another.
    :param read_traces: a stored reply to its parcels' traces.
    :param probes: what a check of a connection asks.
    :param feeds: what can tell which orders changed.
    :param oauth: how its access tokens are renewed, if they can be.
    :param has_session: whether calls for a platform carry the account's access token.
    """

    platforms: Sequence[str]
    is_official: bool
    client: Callable[[Gateway], PlatformClient]
    read_traces: TraceReader
    probes: Probes
    feeds: Sequence[str] = ()
    oauth: OAuth | None = None
    has_session: Callable[[str], bool] = lambda platform: True


DIALECTS: dict[str, Dialect] = {
    ali1688.DIALECT: Dialect(
        platforms=("1688",),
        is_official=True,
        client=ali1688_client.Ali1688Client,
        read_traces=ali1688_traces.read_traces,
        probes=ali1688_probe.probes,
        feeds=tuple(ali1688_feed.FEEDS),
        oauth=ali1688_oauth.OAUTH,
    ),
    taobao.DIALECT: Dialect(
        platforms=("taobao", "tmall"),
        is_official=True,
        client=taobao_client.TaobaoClient,
        read_traces=taobao_traces.read_traces,
        probes=taobao_probe.probes,
        feeds=tuple(taobao_feed.FEEDS),
        oauth=taobao_oauth.OAUTH,
    ),
    router.DIALECT: Dialect(
        platforms=("1688", "taobao", "tmall"),
        is_official=False,
        client=router_client.client,
        read_traces=router_traces.read_traces,
        probes=router_probe.probes,
        has_session=router_api.has_session,
    ),
}

READERS: dict[str, TraceReader] = {name: each.read_traces for name, each in DIALECTS.items()}

OFFICIAL: dict[str, str] = {
    platform: name
    for name, each in DIALECTS.items()
    if each.is_official
    for platform in each.platforms
}
"""The platforms, each with its official dialect."""


def client(gateway: Gateway) -> PlatformClient:
    """The client of the gateway's dialect."""
    return DIALECTS[gateway.account.dialect].client(gateway)
