"""WeChat's gateway for subscribe messages: it checks tokens, people, templates and field types."""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

APP_ID = "wxsandbox000000001"
SECRET = "sandbox-wechat-secret"
TEMPLATE_ID = "sandbox-template-of-a-parcel"
TEMPLATE = ("thing1", "character_string2", "phrase3", "time4")
"""The template's fields."""
PAGES = ("pages/order/detail", "pages/index/index")
"""Those of the published mini program."""
TOKEN = "/cgi-bin/stable_token"
SENDS = ("/cgi-bin/message/subscribe/send", "/cgi-bin/message/subscribe/bizsend")
TOKEN_SECONDS = 7200
NEXT_TOKEN_SECONDS = 300
"""In so many seconds before a token ends the next one is given, and both are accepted."""

_TIME = re.compile(r"(\d{4}年\d{1,2}月\d{1,2}日)?( ?\d{1,2}:\d{2}(:\d{2})?)?")
_EMOJI = re.compile("[\u2600-\u27bf\U00010000-\U0010ffff]")
_FORMS: dict[str, Callable[[str], object]] = {
    "thing": lambda text: len(text) <= 20 and not _EMOJI.search(text),
    "character_string": lambda text: re.fullmatch(r"[\x21-\x7e]{1,32}", text),
    "phrase": lambda text: re.fullmatch(r"[\u4e00-\u9fff]{1,5}", text),
    "time": lambda text: _TIME.fullmatch(text),
    "date": lambda text: re.fullmatch(r"\d{4}年\d{1,2}月\d{1,2}日( \d{1,2}:\d{2})?", text),
}


@dataclass
class WeChatGateway:
    """
    Keeps what it takes: openid, page and values of each message.

    :param consents: by openid, how many messages the person has agreed to.
    :param most_a_day: messages of a day.
    :param clock: unix seconds.
    :param fetches: how often a token was asked for.
    """

    consents: dict[str, int]
    most_a_day: int = 10_000_000
    clock: Callable[[], float] = time.time
    messages: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    fetches: int = 0
    _tokens: dict[str, float] = field(default_factory=dict)
    _revoked: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(
        self, method: str, path: str, query: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        """What one call is answered with, always as HTTP 200."""
        with self._lock:
            if method != "POST":
                return {"errcode": 43002, "errmsg": "require POST method"}
            try:
                message = json.loads(body)
            except ValueError:
                return {"errcode": 47001, "errmsg": "data format error"}
            if path == TOKEN:
                return self._give_token(message)
            if path not in SENDS:
                return {"errcode": 40066, "errmsg": "invalid url"}
            return self._send(path, query.get("access_token", ""), message)

    def revoke_tokens(self) -> None:
        """Let no token given so far be accepted, as when the secret's owner resets it."""
        with self._lock:
            self._revoked |= self._tokens.keys()

    def _give_token(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.fetches += 1
        if request.get("grant_type") != "client_credential":
            return {"errcode": 40002, "errmsg": "invalid grant_type"}
        if request.get("appid") != APP_ID:
            return {"errcode": 40013, "errmsg": "invalid appid"}
        if request.get("secret") != SECRET:
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        now = self.clock()
        if request.get("force_refresh"):
            self._revoked |= self._tokens.keys()
        valid = [
            (ends_at, token)
            for token, ends_at in self._tokens.items()
            if token not in self._revoked and ends_at > now + NEXT_TOKEN_SECONDS
        ]
        if not valid:
            valid = [(now + TOKEN_SECONDS, f"sandbox-access-token-{len(self._tokens) + 1}")]
            self._tokens[valid[0][1]] = valid[0][0]
        ends_at, token = max(valid)
        return {"access_token": token, "expires_in": int(ends_at - now)}

    def _send(self, path: str, token: str, message: Mapping[str, Any]) -> dict[str, Any]:
        refused = self._check_token(token) or self._check_message(path, message)
        if refused:
            code, words = refused
            return {"errcode": code, "errmsg": words}
        openid = message["touser"]
        self.consents[openid] -= 1
        values = {name: held["value"] for name, held in message["data"].items()}
        self.messages.append((openid, message.get("page", ""), values))
        return {"errcode": 0, "errmsg": "ok"}

    def _check_token(self, token: str) -> tuple[int, str] | None:
        if not token:
            return 41001, "access_token missing"
        if token not in self._tokens or token in self._revoked:
            return 40001, "invalid credential, access_token is invalid or not latest"
        if self._tokens[token] <= self.clock():
            return 42001, "access_token expired"
        return None

    def _check_message(self, path: str, message: Mapping[str, Any]) -> tuple[int, str] | None:
        openid = message.get("touser")
        if not isinstance(openid, str) or openid not in self.consents:
            return 40003, "invalid openid"
        if message.get("template_id") != TEMPLATE_ID:
            return 40037, "invalid template_id"
        page = message.get("page", "")
        if path == SENDS[0] and page and page.partition("?")[0] not in PAGES:
            return 41030, "invalid page"
        data = message.get("data")
        wrong = next((name for name in TEMPLATE if not _fits(name, data)), None)
        if wrong or not isinstance(data, dict) or data.keys() - set(TEMPLATE):
            return 47003, f"argument invalid! data.{wrong or 'unknown'}.value invalid"
        if len(self.messages) >= self.most_a_day:
            return 45009, "reach max api daily quota limit"
        if not self.consents[openid]:
            return 43101, "user refuse to accept the msg"
        return None


def _fits(name: str, data: Any) -> bool:
    held = data.get(name) if isinstance(data, dict) else None
    text = held.get("value") if isinstance(held, dict) else None
    kind = name.rstrip("0123456789")
    return isinstance(text, str) and bool(text.strip()) and bool(_FORMS[kind](text))
