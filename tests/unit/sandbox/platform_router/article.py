"""The client that the 1688 article prints."""

import hashlib
import time
import urllib.parse
from typing import Any

import requests

ACCOUNTS = {"platform_router": 70, "platform_router_taobao": 80, "platform_router_tmall_b": 5}


class ArticlesClient:
    """The 1688 article's client, word for word where it speaks to the gateway."""

    def __init__(
        self, gateway: str, app_key: str, app_secret: str, access_token: str, changes: Any = None
    ) -> None:
        self.gateway = gateway
        self.app_key = app_key
        self.app_secret = app_secret
        self.access_token = access_token
        self.changes = changes or {}

    def _sign(self, params: dict[str, Any]) -> str:
        filtered = sorted((k, v) for k, v in params.items() if v is not None)
        qs = "".join(f"{k}{v}" for k, v in filtered)
        raw = f"{self.app_secret}{qs}{self.app_secret}"
        return hashlib.md5(raw.encode("utf-8")).hexdigest().upper()

    def call(self, method: str, biz: dict[str, str]) -> requests.Response:
        api_params: dict[str, Any] = {
            "method": method,
            "app_key": self.app_key,
            "session": self.access_token,
            "timestamp": str(int(time.time() * 1000)),
            "format": "json",
            "v": "2.0",
            "sign_method": "md5",
        }
        api_params["param2"] = urllib.parse.quote_plus(str(biz).replace("'", '"'))
        api_params |= self.changes
        api_params["sign"] = self._sign(api_params)
        return requests.get(self.gateway, params=api_params, timeout=15)

    def result(self, method: str, biz: dict[str, str]) -> dict[str, Any]:
        resp = self.call(method, biz)
        resp.raise_for_status()
        data = resp.json()
        assert "error_response" not in data, data
        result_key = next(k for k in data if k != "error_response")
        return data[result_key]


def refusal(reply: requests.Response) -> int:
    assert reply.status_code == 200
    return int(reply.json()["error_response"]["code"])
