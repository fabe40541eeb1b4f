"""What a router refuses, and what to do about it."""

from datetime import UTC, datetime

from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    QuotaError,
    RejectedError,
    RetryableError,
    TokenError,
)
from shipment_tracking.platforms.ports import Json
from shipment_tracking.platforms.refusals import BAD_ORDER_ID, MALFORMED, Rule, error_of

# The articles name no code but HTTP 429; the numbers are TOP's, whose error form this is.
ERRORS = (
    Rule(("4", "7", "8", "429"), QuotaError, wait=2),
    Rule(("10",), RetryableError),
    Rule(
        ("24", "25"),
        AuthError,
        "the signature is refused: correct the app secret (password)",
    ),
    Rule(
        ("26", "27", "401"),
        TokenError,
        "the session is missing, expired or revoked; the gateway's operator gives a new one",
    ),
    Rule(("28", "29"), AuthError, "the app key (login) is unknown to the gateway"),
    Rule(
        ("11", "12", "13", "53"),
        AuthError,
        "the app may not use this API: ask the gateway's operator for it",
    ),
    Rule(
        ("31",),
        PlatformBugError,
        "the gateway's clock and this machine's differ too much: correct this machine's time",
    ),
    Rule(
        ("21", "22", "23", "30", "32", "33", "34", "40", "42", "43"),
        PlatformBugError,
        MALFORMED,
    ),
    # An argument that is refused is this order's: everything else is always alike.
    Rule(("41",), RejectedError, BAD_ORDER_ID),
)


def raise_for_refusal(http_status: int, body: Json) -> None:
    """
    Raise what a refusal means.

    :raises PlatformError: of the kind that says what to do.
    """
    refusal = body.get("error_response")
    if isinstance(refusal, dict):
        code, message = str(refusal.get("code") or ""), str(refusal.get("msg") or "no message")
        raise error_of(ERRORS, code, message, now=datetime.now(UTC))
    if http_status == 401:
        raise error_of(ERRORS, "401", "HTTP 401", now=datetime.now(UTC))
    if http_status >= 400:
        raise RetryableError(f"HTTP {http_status}", code=str(http_status))
