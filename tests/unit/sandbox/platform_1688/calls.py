"""Calls of the stand-in for 1688."""

from datetime import UTC, datetime

from sandbox.platform_1688 import ORDERS

START = datetime(2026, 3, 2, tzinfo=UTC)


def changed(call, order_id: str = "", **times: str | None):
    params = {
        "modifyStartTime": "20260201000000000+0800",
        "modifyEndTime": "20260401000000000+0800",
        "needBuyerAddressAndPhone": "false",
    }
    return call(ORDERS, order_id, **params | times)
