"""What 1688 refuses, and what to do about it."""

from datetime import UTC, datetime

from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    QuotaError,
    RejectedError,
    RetryableError,
    TokenError,
)
from shipment_tracking.platforms.ali1688.traces import TRACE_FIELDS
from shipment_tracking.platforms.ports import Json
from shipment_tracking.platforms.refusals import MALFORMED, TOO_OLD, Rule, error_of

NOT_SHIPPED = "500_2"
NO_TRACE = "404"
NO_TRACE_TEXT = "没有物流跟踪信息"  # comes without a code
QOS_SECONDS = 2  # no official number is published
ANSWER_FIELDS = (*TRACE_FIELDS, "result", "success", "errorCode", "errorMessage", "errorMsg")
"""What is in every answer; an empty list may be left out."""
NO_ERROR = frozenset({"", "0", "200", "success"})
"""Codes that gateways in between write into an answer that is none of an error."""
PARAM_MISSING = "gw.ParamMissing"
NO_PERMISSION = "gw.APIACLDecline"

GATEWAY_ERRORS = (
    Rule(("gw.QosAppFrequencyLimit",), QuotaError, wait=QOS_SECONDS),
    Rule(("401",), TokenError, "the access token is missing, expired or revoked"),
    Rule(
        (NO_PERMISSION,),
        AuthError,
        "the app may not use this API: ask for its permission in the 1688 console",
    ),
    Rule(
        ("gw.SignatureInvalid", "gw.SignatureMissing"),
        AuthError,
        "the signature is refused: correct the app secret (password)",
    ),
    Rule(
        ("gw.AppKeyNotFound", "gw.AppKeyMissing"),
        AuthError,
        "the app key (login) is unknown to the platform: correct it",
    ),
    Rule(("gw.APIUnsupported", PARAM_MISSING), PlatformBugError, MALFORMED),
)
OAUTH_ERRORS = (
    Rule(("invalid_grant",), TokenError, "the refresh token is expired, used up or revoked"),
    Rule(
        ("invalid_client", "unauthorized_client"),
        AuthError,
        "the app is unknown or its secret is refused: correct app key (login) and secret "
        "(password)",
    ),
)
ORDER_ERRORS = (
    Rule(("order.createtime.history",), RejectedError, TOO_OLD, final=True),
    Rule(
        ("order.nopermission.buyer",),
        RejectedError,
        "the order belongs to another member than this connection's",
    ),
    Rule((NOT_SHIPPED, NO_TRACE), RejectedError),
)


def raise_for_gateway(body: Json) -> None:
    """
    Raise what an answer of the gateway itself means; its codes decide, never the HTTP status.

    :raises PlatformError: of the kind that says what to do.
    """
    code = str(body.get("error_code") or "")
    if not code:
        return
    raise error_of(
        GATEWAY_ERRORS,
        code,
        str(body.get("error_message") or "no message"),
        request_id=str(body.get("request_id") or ""),
        now=datetime.now(UTC),
    )


def raise_for_business(
    http_status: int, body: Json, empty_codes: frozenset[str] | set[str]
) -> Json:
    """
    The answer's body, ``{}`` where the platform says that there is nothing, else what it means.

    :raises PlatformError: of the kind that says what to do.
    """
    if http_status < 400 and body.keys().isdisjoint(ANSWER_FIELDS):
        raise RetryableError("neither an answer nor an error of 1688")
    told_code = body.get("errorCode")
    code = "" if told_code is None else str(told_code)
    has_error = code.lower() not in NO_ERROR
    message = str(body.get("errorMessage") or body.get("errorMsg") or "")
    # An answer may leave out whether it is a success; then a message without a code makes it an
    # error.
    success = body.get("success", bool(code) or not message)
    if str(success).lower() in ("true", "1") and not has_error:
        if http_status >= 400:
            raise RetryableError(f"HTTP {http_status}", code=str(http_status))
        return body
    if code in empty_codes or (not has_error and NO_TRACE_TEXT in message):
        return {}
    told = message or str(body.get("message") or "no message")
    raise error_of(ORDER_ERRORS, code, told, now=datetime.now(UTC))
