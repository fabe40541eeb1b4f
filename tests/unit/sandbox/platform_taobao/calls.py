"""Calls of the stand-in for Taobao, and what its replies say."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import requests

START = datetime(2026, 3, 2, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
ACCOUNTS = {"platform_taobao": 90, "platform_tmall_flagship": 20, "platform_1688": 5}
Call = Callable[..., requests.Response]


def refusal(reply: requests.Response) -> tuple[int, str]:
    assert reply.status_code == 200
    error = reply.json()["error_response"]
    assert error["request_id"]
    return error["code"], error.get("sub_code", "")
