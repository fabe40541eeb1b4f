"""Whether an account of TOP can be asked, without asking about any order."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial

from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    PlatformError,
    RejectedError,
    TokenError,
)
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import Json
from shipment_tracking.platforms.probe import Probe
from shipment_tracking.platforms.taobao.api import (
    CONFIRM,
    CONSUME,
    PARCELS,
    TRACE_GET,
    TRACE_SEARCH,
    TRADE,
    TRADES,
    signed,
)
from shipment_tracking.platforms.taobao.errors import lacks_api, read_answer

NO_ORDER = {"tid": "1", "fields": "tid,status"}
"""A question for every API that it answers or refuses, and no order's."""
FEED_QUESTIONS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "orders": {TRADES: {}},
    "messages": {CONSUME: {"quantity": "0"}, CONFIRM: {}},
}
"""For each feed the APIs it needs, and what each refuses without reading or confirming anything."""


def probes(gateway: Gateway, now: Callable[[], datetime]) -> Iterator[Probe]:
    """
    What a check of the connection asks, about an order that cannot exist.

    What a feed needs is asked for without what it must have, so that nothing is read or confirmed.

    The gateway looks at key, time and signature first, then at the session, the permission and
    last at the parameters.

    :param now: not needed; the platform refuses a time that is ten minutes off by itself.
    """
    yield Probe(
        "gateway, app key, app secret, clock",
        partial(_ask, gateway, PARCELS, with_session=False, is_let_in=_lacks_session),
        True,
    )
    yield Probe("access token", partial(_ask, gateway, PARCELS, is_let_in=lacks_api), True)
    yield Probe(f"permission for {PARCELS}", partial(_ask, gateway, PARCELS))
    yield Probe(f"permission for {TRACE_GET} or {TRACE_SEARCH}", partial(_ask_traces, gateway))
    yield Probe(f"permission for {TRADE}", partial(_ask, gateway, TRADE))
    for api, params in FEED_QUESTIONS.get(gateway.account.feed, {}).items():
        ask = partial(_ask, gateway, api, params, is_let_in=_lacks_argument)
        yield Probe(f"permission for {api}", ask)


def _ask(
    gateway: Gateway,
    api: str,
    params: Mapping[str, str] = NO_ORDER,
    *,
    with_session: bool = True,
    is_let_in: Callable[[PlatformError], bool] = lambda refusal: False,
) -> str:
    """
    Ask about no order; a refusal that comes only after what is asked about is as good as an answer.

    :param with_session: without one, the gateway misses it once it knows who asks.
    :param is_let_in: whether a refusal is such a one.
    """

    def read(http_status: int, body: Json) -> Json:
        try:
            return read_answer(http_status, body)
        except RejectedError:
            return {}
        except (AuthError, PlatformBugError) as error:
            if not is_let_in(error):
                raise
            return {}

    def request(access_token: str) -> tuple[str, Mapping[str, str]]:
        session = {"session": access_token} if with_session else {}
        return signed(gateway.account, api, {**params, **session})

    gateway.call(api, request, read)
    return ""


def _ask_traces(gateway: Gateway) -> str:
    try:
        return _ask(gateway, TRACE_GET)
    except (AuthError, PlatformBugError) as error:
        if not lacks_api(error):
            raise
    _ask(gateway, TRACE_SEARCH)
    return f"{TRACE_GET} is not permitted, {TRACE_SEARCH} is used instead"


def _lacks_session(error: PlatformError) -> bool:
    return isinstance(error, TokenError)


def _lacks_argument(error: PlatformError) -> bool:
    return isinstance(error, PlatformBugError) and not lacks_api(error)
