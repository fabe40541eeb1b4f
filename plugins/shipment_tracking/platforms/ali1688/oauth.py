"""How a buyer lets the app in, and how a token pair is renewed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from shipment_tracking.errors import ReplyError, RetryableError
from shipment_tracking.platforms.ali1688.errors import OAUTH_ERRORS, raise_for_gateway
from shipment_tracking.platforms.ali1688.traces import read_time
from shipment_tracking.platforms.ports import Account, Json, TokenPair
from shipment_tracking.platforms.refusals import error_of
from shipment_tracking.platforms.tokens import OAuth

AUTHORISE = "https://auth.1688.com/oauth/authorize"


def authorisation_page(account: Account) -> str:
    """Where the buyer lets the app in again, once the address registered for it is put in."""
    query = {"client_id": account.app_key, "site": "1688", "state": account.conn_id}
    return f"{AUTHORISE}?{urlencode(query)}&redirect_uri=REGISTERED_ADDRESS"


def refresh_request(account: Account, refresh_token: str) -> tuple[str, Mapping[str, str]]:
    """
    The call that renews a token pair; it is not signed.

    Source: open.1688.com/api/sys_auth.htm.
    """
    return f"/openapi/http/1/system.oauth2/getToken/{account.app_key}", {
        "grant_type": "refresh_token",
        "client_id": account.app_key,
        "client_secret": account.app_secret,
        "refresh_token": refresh_token,
    }


def read_refresh(http_status: int, body: Json, now: datetime) -> TokenPair:
    """
    The pair in the answer; its refresh token may be left out, then the old one stays good.

    :param now: aware; the access token's life counts from then.
    :raises TokenError: the refresh token is no longer good.
    :raises PlatformError: of the kind that says what to do.
    """
    raise_for_gateway(body)
    if "error" in body:
        message = str(body.get("error_description") or "no message")
        raise error_of(OAUTH_ERRORS, str(body["error"]), message, now=datetime.now(UTC))
    access_token, life = body.get("access_token"), str(body.get("expires_in") or "")
    if http_status >= 400 or not access_token:
        raise RetryableError(f"HTTP {http_status} without an access token")
    try:
        refresh_end = read_time(body["refresh_token_timeout"])
    except (KeyError, ReplyError):
        # The pair is worth more than word of its end: the old one may be gone already.
        refresh_end = None
    return TokenPair(
        str(access_token),
        str(body.get("refresh_token") or "") or None,
        expires_at=now + timedelta(seconds=int(life)) if life.isdecimal() else None,
        refresh_expires_at=refresh_end,
    )


OAUTH = OAuth("getToken", authorisation_page, refresh_request, read_refresh)
