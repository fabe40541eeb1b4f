"""
The loop that is usually written for this, as a rival: order by order, one call at a time.

First the waybills of an order, then the trace of each; 0.2 s between two calls at the least, 15 s
until a time-out, nothing kept between two rounds but the last status.
"""

import json
import time
from collections.abc import Iterable, Mapping
from hashlib import md5
from typing import Any
from urllib.parse import quote_plus

import requests

from shipment_tracking.platforms.ports import Account

PAUSE = 0.2  # seconds between two calls
TIMEOUT = 15  # seconds
SHIPPED = "alibaba.logistics.trade.ship"
TRACED = "alibaba.logistics.trace.get"


def follow(account: Account, orders: Iterable[str]) -> dict[str, str]:
    """The status of each waybill of the orders, asked for in turn."""
    statuses: dict[str, str] = {}
    for order_id in orders:
        for sent in _call(account, SHIPPED, {"orderId": order_id}).get("logisticsOrders") or ():
            waybill = sent.get("billNo") or sent.get("mailNo")
            asked = {"companyCode": sent.get("logisticsCode"), "billNo": waybill}
            statuses[waybill] = str(_call(account, TRACED, asked).get("signStatus"))
    return statuses


def _call(account: Account, method: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    time.sleep(PAUSE)
    params = {
        "method": method,
        "app_key": account.app_key,
        "session": account.access_token,
        "timestamp": str(int(time.time() * 1000)),
        "format": "json",
        "v": "2.0",
        "sign_method": "md5",
        "param2": quote_plus(json.dumps(wanted)),
    }
    joined = "".join(f"{key}{value}" for key, value in sorted(params.items()))
    secret = account.app_secret
    params["sign"] = md5(f"{secret}{joined}{secret}".encode()).hexdigest().upper()
    url = f"{account.gateway}/openapi/http/2/1"
    reply = requests.get(url, params=params, timeout=TIMEOUT).json()
    if "error_response" in reply:
        return {}
    return dict(next(iter(reply.values())))
