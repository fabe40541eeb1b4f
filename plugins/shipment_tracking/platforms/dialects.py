"""Which module speaks which dialect, and which platforms are reached by it."""

from collections.abc import Callable

from shipment_tracking.platforms import ali1688, router, taobao
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import PlatformClient, TraceReader
from shipment_tracking.platforms.probe import Probes
from shipment_tracking.platforms.tokens import OAuth

CLIENTS: dict[str, Callable[[Gateway], PlatformClient]] = {
    ali1688.DIALECT: ali1688.Ali1688Client,
    taobao.DIALECT: taobao.TaobaoClient,
    router.DIALECT: router.client,
}
PLATFORMS: dict[str, tuple[str, ...]] = {
    ali1688.DIALECT: ("1688",),
    taobao.DIALECT: ("taobao", "tmall"),
    router.DIALECT: ("1688", "taobao", "tmall"),
}
DIALECT_OF = {"1688": ali1688.DIALECT, "taobao": taobao.DIALECT, "tmall": taobao.DIALECT}
"""The platforms, each with its official dialect: an account's own, unless it names another."""

FEEDS: dict[str, tuple[str, ...]] = {
    ali1688.DIALECT: tuple(ali1688.FEEDS),
    taobao.DIALECT: tuple(taobao.FEEDS),
    router.DIALECT: (),
}
"""What can tell which orders changed."""

READERS: dict[str, TraceReader] = {
    ali1688.DIALECT: ali1688.read_traces,
    taobao.DIALECT: taobao.read_traces,
    router.DIALECT: router.read_traces,
}
PROBES: dict[str, Probes] = {
    ali1688.DIALECT: ali1688.probes,
    taobao.DIALECT: taobao.probes,
    router.DIALECT: router.probes,
}
OAUTHS: dict[str, OAuth] = {
    ali1688.DIALECT: ali1688.OAUTH,
    taobao.DIALECT: taobao.OAUTH,
}
"""Dialects whose access tokens can be renewed."""


def client(gateway: Gateway) -> PlatformClient:
    """The client of the gateway's dialect."""
    return CLIENTS[gateway.account.dialect](gateway)


def needs_access_token(dialect: str, platform: str) -> bool:
    """Whether an account can be asked with an access token alone."""
    return dialect != router.DIALECT or router.has_session(platform)
