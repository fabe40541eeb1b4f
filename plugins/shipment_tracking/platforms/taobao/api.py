"""How TOP is called: its APIs, its signature, the form of its times."""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import md5

from shipment_tracking.platforms.gateway import Gateway, Unknown, nothing
from shipment_tracking.platforms.ports import Account, Json
from shipment_tracking.platforms.refusals import SHANGHAI

PATH = "/router/rest"
SIGN_METHODS = ("hmac-sha256", "hmac", "md5")

PARCELS = "taobao.logistics.orders.get"
TRACE_GET = "taobao.logistics.trace.get"
TRACE_SEARCH = "taobao.logistics.trace.search"
TRADE = "taobao.trade.get"
TRADES = "taobao.trades.sold.increment.get"
CONSUME = "taobao.tmc.messages.consume"
CONFIRM = "taobao.tmc.messages.confirm"


def signed(account: Account, api: str, params: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Path and form of a call, with what every call of TOP has beside its own params."""
    form = {
        **params,
        "method": api,
        "app_key": account.app_key,
        # Real time whatever the pipeline's clock says: ten minutes off are refused.
        "timestamp": f"{datetime.now(SHANGHAI):%Y-%m-%d %H:%M:%S}",
        "format": "json",
        "v": "2.0",
        "sign_method": account.sign_method,
    }
    return PATH, form | {"sign": sign(form, account.app_secret, account.sign_method)}


def sign(params: Mapping[str, str], secret: str, method: str = SIGN_METHODS[0]) -> str:
    """
    The value of ``sign``: the sorted key+value strings under the secret, in upper-case hex.

    Source: developer.alibaba.com articleId 101617; what is empty is not signed.

    :param method: ``hmac-sha256``, ``hmac`` (HMAC-MD5) or ``md5`` (secret at both ends).
    """
    joined = "".join(
        f"{key}{value}" for key, value in sorted(params.items()) if key != "sign" and key and value
    )
    if method == "md5":
        return md5((secret + joined + secret).encode()).hexdigest().upper()
    digest = {"hmac": "md5", "hmac-sha256": "sha256"}[method]
    return hmac.new(secret.encode(), joined.encode(), digest).hexdigest().upper()


def print_time(at: datetime) -> str:
    """A time (aware) as the platform wants to be asked for it: ``2026-09-18 10:43:33``."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def call_api(
    gateway: Gateway,
    api: str,
    params: Mapping[str, str],
    read: Callable[[int, Json], Json],
    unknown: Unknown = nothing,
) -> Json:
    """
    Call an API with the account's session.

    :raises PlatformError: as ``Gateway.call``.
    """

    def request(access_token: str) -> tuple[str, Mapping[str, str]]:
        return signed(gateway.account, api, {**params, "session": access_token})

    return gateway.call(api, request, read, unknown=unknown)
