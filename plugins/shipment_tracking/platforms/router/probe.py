"""Whether an account of a router can be asked, without asking about any order."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial

from shipment_tracking.errors import RejectedError
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.probe import Probe
from shipment_tracking.platforms.router.api import TRACE, has_session
from shipment_tracking.platforms.router.client import Router1688Client, RouterTaobaoClient

NO_ORDER = "1"


def probes(gateway: Gateway, now: Callable[[], datetime]) -> Iterator[Probe]:
    """
    What a check of the connection asks, about an order and a waybill that cannot exist.

    In which order such a gateway looks at key, signature and session is not documented: its code
    tells which of them it refuses.

    :param now: not needed; no router tells its own time.
    """
    base = "gateway, app key, app secret, clock"
    if not has_session(gateway.account.platform):
        shop = RouterTaobaoClient(gateway)
        yield Probe(base, partial(_ask, shop.fetch_traces, NO_ORDER), True)
        return
    buyer = Router1688Client(gateway)
    yield Probe(f"{base}, session", partial(_ask, buyer.fetch_parcels, NO_ORDER), True)
    waybill = {NO_ORDER: (f"{NO_ORDER}:{NO_ORDER}",)}
    traces = partial(buyer.fetch_traces, waybills=waybill)
    yield Probe(f"permission for {TRACE}", partial(_ask, traces, NO_ORDER))


def _ask(question: Callable[[str], object], order_id: str) -> str:
    """Ask; that there is no such order is a good answer."""
    with suppress(RejectedError):
        question(order_id)
    return ""
