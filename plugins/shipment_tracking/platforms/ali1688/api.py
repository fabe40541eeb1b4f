"""How the 1688 Open Platform is called: its APIs, its signature, the form of its times."""

import hmac
from collections.abc import Mapping
from datetime import datetime

from shipment_tracking.platforms.gateway import Request
from shipment_tracking.platforms.ports import Account
from shipment_tracking.platforms.refusals import SHANGHAI

PARCELS = "com.alibaba.logistics/alibaba.trade.getLogisticsInfos.buyerView"
TRACES = "com.alibaba.logistics/alibaba.trade.getLogisticsTraceInfo.buyerView"
ORDER = "com.alibaba.trade/alibaba.trade.get.buyerView"
ORDERS = "com.alibaba.trade/alibaba.trade.getBuyerOrderList"
TIME = "system/currentTime"


def sign(path: str, params: Mapping[str, str], secret: str) -> str:
    """
    The value of ``_aop_signature``.

    :param path: from ``param2`` to the app key; raw values, not URL-encoded.

    Source: open.1688.com/doc/signature.htm: HMAC-SHA1 over the path and the sorted key+value
    strings, in upper-case hex.
    """
    joined = "".join(sorted(f"{key}{value}" for key, value in params.items()))
    return hmac.new(secret.encode(), (path + joined).encode(), "sha1").hexdigest().upper()


def print_time(at: datetime) -> str:
    """A time (aware) as the platform wants to be asked for it: ``20260918104333000+0800``."""
    return f"{at.astimezone(SHANGHAI):%Y%m%d%H%M%S}000+0800"


def name_of(api: str) -> str:
    """An API's name without its namespace."""
    return api.rpartition("/")[2]


def signed_request(
    account: Account, api: str, params: Mapping[str, str], *, with_token: bool = True
) -> Request:
    """A call of an API (``namespace/name``)."""
    path = f"param2/1/{api}/{account.app_key}"

    def request(access_token: str) -> tuple[str, Mapping[str, str]]:
        form = {**params, "access_token": access_token} if with_token else dict(params)
        return f"/openapi/{path}", form | {"_aop_signature": sign(path, form, account.app_secret)}

    return request
