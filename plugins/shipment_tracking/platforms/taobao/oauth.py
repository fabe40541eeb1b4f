"""How a seller lets the app in, and how a session is renewed."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from shipment_tracking.errors import PlatformBugError, RejectedError, RetryableError, TokenError
from shipment_tracking.platforms.ports import Account, Json, TokenPair
from shipment_tracking.platforms.taobao.api import signed
from shipment_tracking.platforms.taobao.errors import read_answer
from shipment_tracking.platforms.taobao.traces import whole_number
from shipment_tracking.platforms.tokens import OAuth

REFRESH = "taobao.top.auth.token.refresh"
AUTHORISE = "https://oauth.taobao.com/authorize"


def authorisation_page(account: Account) -> str:
    """Where the seller lets the app in again, once the address registered for it is put in."""
    query = {"response_type": "code", "client_id": account.app_key, "state": account.conn_id}
    return f"{AUTHORISE}?{urlencode(query)}&redirect_uri=REGISTERED_ADDRESS"


def refresh_request(account: Account, refresh_token: str) -> tuple[str, Mapping[str, str]]:
    """
    The call that renews a session; it needs none itself.

    Source: the API page of ``taobao.top.auth.token.refresh``, which says that the platform renews
    the sessions of apps of its service market alone; those of a shop's own app have a fixed end.
    """
    return signed(account, REFRESH, {"refresh_token": refresh_token})


def read_refresh(http_status: int, body: Json, now: datetime) -> TokenPair:
    """
    The pair in the answer, which holds it as JSON within a text.

    :param now: aware; lives count from then.
    :raises TokenError: the platform does not renew this session.
    :raises PlatformError: of the kind that says what to do.
    """
    try:
        answer = read_answer(http_status, body)
    except (RejectedError, PlatformBugError) as refusal:
        raise TokenError(
            f"the session cannot be renewed ({refusal.args[0]})",
            code=refusal.code,
            request_id=refusal.request_id,
        ) from None
    try:
        told = answer["token_result"]
        told = json.loads(told) if isinstance(told, str) else told
        return TokenPair(
            str(told["access_token"]),
            str(told.get("refresh_token") or "") or None,
            expires_at=_after(now, told.get("expires_in")),
            refresh_expires_at=_after(now, told.get("re_expires_in")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RetryableError("an answer without a session") from None


OAUTH = OAuth(REFRESH, authorisation_page, refresh_request, read_refresh)


def _after(now: datetime, seconds: Any) -> datetime | None:
    """The end of a life in seconds; 0 says that there is none to speak of."""
    life = whole_number(seconds)
    return now + timedelta(seconds=life) if life else None
