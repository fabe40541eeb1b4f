"""Whether an account of 1688 can be asked, without asking about any order."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from shipment_tracking.errors import ReplyError, RetryableError
from shipment_tracking.platforms.ali1688.api import (
    ORDER,
    ORDERS,
    PARCELS,
    TIME,
    TRACES,
    name_of,
    signed_request,
)
from shipment_tracking.platforms.ali1688.errors import (
    NO_PERMISSION,
    PARAM_MISSING,
    raise_for_gateway,
)
from shipment_tracking.platforms.ali1688.feed import OrderFeed
from shipment_tracking.platforms.ali1688.traces import read_time
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import Json
from shipment_tracking.platforms.probe import Probe

LARGEST_SKEW = timedelta(minutes=1)


def probes(gateway: Gateway, now: Callable[[], datetime]) -> Iterator[Probe]:
    """
    What a check of the connection asks.

    The gateway looks at key and signature first, then at the token, the permission and last at the
    parameters: a call without any reaches no order. A feed is read for one minute.

    :param now: this machine's time, held against the platform's.
    """
    yield Probe("gateway, app key, app secret", partial(_compare_clocks, gateway, now), True)
    yield Probe(
        "access token", partial(_ask, gateway, PARCELS, {PARAM_MISSING, NO_PERMISSION}), True
    )
    for api in (PARCELS, TRACES, ORDER):
        yield Probe(f"permission for {name_of(api)}", partial(_ask, gateway, api, {PARAM_MISSING}))
    if gateway.account.feed:
        yield Probe(f"permission for {name_of(ORDERS)}", partial(_ask_feed, gateway, now))


def _compare_clocks(gateway: Gateway, now: Callable[[], datetime]) -> str:
    def read(http_status: int, body: Json) -> Json:
        raise_for_gateway(body)
        try:
            return {"skew": now() - read_time(body["result"])}
        except (KeyError, ReplyError) as error:
            raise RetryableError(f"HTTP {http_status} without the time of 1688") from error

    request = signed_request(gateway.account, TIME, {}, with_token=False)
    skew = gateway.call(name_of(TIME), request, read)["skew"]
    if abs(skew) <= LARGEST_SKEW:
        return ""
    seconds, side = round(skew.total_seconds()), "ahead of" if skew > timedelta() else "behind"
    return f"this machine's clock is {abs(seconds)} s {side} the platform's; correct it"


def _ask(gateway: Gateway, api: str, let_in: set[str]) -> str:
    """:param let_in: codes of the gateway that come only after what is asked about."""

    def read(http_status: int, body: Json) -> Json:
        if body.get("error_code") not in let_in:
            raise_for_gateway(body)
            if http_status >= 400:
                raise RetryableError(f"HTTP {http_status}", code=str(http_status))
        return {}

    gateway.call(name_of(api), signed_request(gateway.account, api, {}), read)
    return ""


def _ask_feed(gateway: Gateway, now: Callable[[], datetime]) -> str:
    """What changed in the last minute: without a time, the API lists all orders there are."""
    next(OrderFeed(gateway).changed_orders(now() - timedelta(minutes=1), now()))
    return ""
