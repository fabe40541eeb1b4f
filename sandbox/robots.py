"""Chat robots that check what a message says and how it is signed, and answer as the real ones."""

import base64
import hmac
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TOKEN = "sandbox-robot-token"
SECRET = "SECsandbox"
HOUR = 3600.0
MINUTE = 60.0
PATHS = {
    "dingtalk": f"/robot/send?access_token={TOKEN}",
    "wecom": f"/cgi-bin/webhook/send?key={TOKEN}",
    "feishu": f"/open-apis/bot/v2/hook/{TOKEN}",
}
"""Where each kind is reached, with its token."""

MOST_A_MINUTE = {"dingtalk": 20, "wecom": 20, "feishu": 100}
LONGEST_BODY = {"dingtalk": 20_000, "feishu": 20 * 1024}
LONGEST_WECOM_TEXT = 4096


@dataclass
class Robot:
    """
    One robot of a group.

    :param kind: ``dingtalk``, ``wecom`` or ``feishu``.
    :param clock: unix seconds.
    """

    kind: str
    clock: Callable[[], float] = time.time
    texts: list[str] = field(default_factory=list)
    _times: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, query: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """What one POST is answered with, always as HTTP 200; a text that is taken is kept."""
        with self._lock:
            if self._is_too_fast():
                return _LIMITED[self.kind]
            try:
                message = json.loads(body)
            except ValueError:
                message = None
            if not isinstance(message, dict):
                return _BAD_REQUEST[self.kind]
            refused = _CHECKS[self.kind](path, query, message, self.clock())
            if refused or len(body) > LONGEST_BODY.get(self.kind, len(body)):
                return refused or _BAD_REQUEST[self.kind]
            self.texts.append(_text(self.kind, message))
            return _TAKEN[self.kind]

    def _is_too_fast(self) -> bool:
        now = self.clock()
        while self._times and self._times[0] <= now - MINUTE:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) > MOST_A_MINUTE[self.kind]


def _check_dingtalk(
    path: str, query: Mapping[str, str], message: Mapping[str, Any], now: float
) -> dict[str, Any] | None:
    if "access_token" not in query:
        return {"errcode": 40035, "errmsg": "缺少参数 access_token"}
    if query["access_token"] != TOKEN:
        return {"errcode": 300005, "errmsg": "token is not exist"}
    timestamp = query.get("timestamp", "")
    if not timestamp.isdecimal() or abs(now - int(timestamp) / 1000) > HOUR:
        return {"errcode": 310000, "errmsg": "invalid timestamp"}
    right = hmac.digest(SECRET.encode(), f"{timestamp}\n{SECRET}".encode(), "sha256")
    if query.get("sign") != base64.b64encode(right).decode():
        return {"errcode": 310000, "errmsg": "sign not match"}
    held = message.get("markdown") if message.get("msgtype") == "markdown" else None
    is_whole = isinstance(held, dict) and held.get("title") and held.get("text")
    return None if is_whole else _BAD_REQUEST["dingtalk"]


def _check_wecom(
    path: str, query: Mapping[str, str], message: Mapping[str, Any], now: float
) -> dict[str, Any] | None:
    if query.get("key") != TOKEN:
        return {"errcode": 93000, "errmsg": "invalid webhook url"}
    held = message.get("markdown") if message.get("msgtype") == "markdown" else None
    if not isinstance(held, dict) or not isinstance(held.get("content"), str):
        return _BAD_REQUEST["wecom"]
    if len(held["content"].encode()) > LONGEST_WECOM_TEXT:
        return {"errcode": 40058, "errmsg": "markdown.content exceed max length 4096"}
    return None


def _check_feishu(
    path: str, query: Mapping[str, str], message: Mapping[str, Any], now: float
) -> dict[str, Any] | None:
    if not path.endswith(f"/{TOKEN}"):
        return {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}
    timestamp = str(message.get("timestamp", ""))
    right = hmac.digest(f"{timestamp}\n{SECRET}".encode(), b"", "sha256")
    is_in_time = timestamp.isdecimal() and abs(now - int(timestamp)) <= HOUR
    if not is_in_time or message.get("sign") != base64.b64encode(right).decode():
        return {
            "code": 19021,
            "msg": "sign match fail or timestamp is not within one hour from current time",
        }
    held = message.get("card") if message.get("msg_type") == "interactive" else None
    elements = held.get("elements") if isinstance(held, dict) else None
    is_whole = elements and [each.get("tag") for each in elements] == ["markdown"]
    return None if is_whole else _BAD_REQUEST["feishu"]


def _text(kind: str, message: Mapping[str, Any]) -> str:
    """The Markdown of a message, as it was before its line ends were marked."""
    if kind == "feishu":
        return str(message["card"]["elements"][0]["content"])
    if kind == "wecom":
        return str(message["markdown"]["content"])
    return str(message["markdown"]["text"]).replace("  \n", "\n")


_CHECKS = {"dingtalk": _check_dingtalk, "wecom": _check_wecom, "feishu": _check_feishu}
_TAKEN: dict[str, dict[str, Any]] = {
    "dingtalk": {"errcode": 0, "errmsg": "ok"},
    "wecom": {"errcode": 0, "errmsg": "ok"},
    "feishu": {
        "StatusCode": 0,
        "StatusMessage": "success",
        "code": 0,
        "data": {},
        "msg": "success",
    },
}
_LIMITED: dict[str, dict[str, Any]] = {
    "dingtalk": {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"},
    "wecom": {"errcode": 45009, "errmsg": "api freq out of limit"},
    "feishu": {"code": 11232, "msg": "frequency limited psm[lark.oapi.app_platform_runtime]"},
}
_BAD_REQUEST: dict[str, dict[str, Any]] = {
    "dingtalk": {"errcode": 40035, "errmsg": "缺少参数 json"},
    "wecom": {"errcode": 40008, "errmsg": "invalid message type"},
    "feishu": {"code": 9499, "msg": "Bad Request", "data": {}},
}
