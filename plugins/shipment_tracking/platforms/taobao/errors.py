"""What TOP refuses, and what to do about it."""

from datetime import UTC, datetime

from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    PlatformError,
    QuotaError,
    RejectedError,
    RetryableError,
    TokenError,
)
from shipment_tracking.platforms.ports import Json
from shipment_tracking.platforms.refusals import BAD_ORDER, BAD_ORDER_ID, MALFORMED, Rule, error_of
from shipment_tracking.platforms.replies import within_text

NO_SESSION = ("26", "27")
NO_PERMISSION = ("11", "12", "13")
NO_SUCH_API = "22"
PERMISSION_MISSING = "isv.permission"

ERRORS = (
    Rule(
        ("7",),
        QuotaError,
        "the app's calls of the day are used up",
        sub_code="accesscontrol.limited-by-app-access-count",
        until_midnight=True,
    ),
    Rule(("4", "7", "8"), QuotaError, wait=2),
    Rule(("10",), RetryableError),
    Rule((), RetryableError, sub_code="isp."),
    Rule(
        ("24", "25", "sign-check-failure"),
        AuthError,
        "the signature is refused: correct the app secret (password)",
    ),
    Rule(NO_SESSION, TokenError, "the session is missing, expired or revoked"),
    Rule(("28", "29"), AuthError, "the app key (login) is unknown to the platform: correct it"),
    Rule(
        ("31",),
        PlatformBugError,
        "the platform's clock and this machine's differ by more than ten minutes: correct this "
        "machine's time",
    ),
    Rule(
        (*NO_PERMISSION, "53"),
        AuthError,
        "the app may not use this API: ask for its permission in the console of open.taobao.com",
    ),
    Rule(
        (),
        AuthError,
        "the app may not use this API: ask for its permission in the console of open.taobao.com",
        sub_code=PERMISSION_MISSING,
    ),
    Rule(
        ("21", NO_SUCH_API, "23", "30", "32", "33", "34", "40", "42", "43"),
        PlatformBugError,
        MALFORMED,
    ),
    # An argument that is refused is this order's number: everything else is always alike.
    Rule(("41",), RejectedError, BAD_ORDER_ID),
    Rule(("15", "50"), RejectedError, BAD_ORDER, sub_code="isv."),
)


def read_answer(http_status: int, body: Json) -> Json:
    """
    What stands inside an answer's root; an answer to ``simplify`` has none.

    :raises PlatformError: of the kind that says what to do.
    """
    refusal = within_text(body.get("error_response"))
    if not isinstance(refusal, dict) and (body.get("error_code") or body.get("sub_code")):
        # What refuses a call before it reaches the gateway knows no root.
        refusal = {"code": body.get("error_code"), "msg": body.get("error_message")} | body
    if isinstance(refusal, dict):
        said = [str(refusal[key]) for key in ("msg", "sub_msg") if refusal.get(key)]
        raise error_of(
            ERRORS,
            str(refusal.get("code") or ""),
            ": ".join(said) or "no message",
            sub_code=str(refusal.get("sub_code") or ""),
            request_id=str(refusal.get("request_id") or ""),
            now=datetime.now(UTC),
        )
    if http_status >= 400:
        raise RetryableError(f"HTTP {http_status}", code=str(http_status))
    for name, answer in body.items():
        if name.endswith("_response") and isinstance(answer, dict):
            return answer
    if "request_id" not in body or str(body.get("success")).lower() == "false":
        raise RetryableError("neither an answer nor an error of TOP")
    return body


def lacks_api(error: PlatformError) -> bool:
    """Whether the app has no right to an API, or the platform no longer has it."""
    return error.code in (*NO_PERMISSION, NO_SUCH_API) or error.code.startswith(PERMISSION_MISSING)
