"""
What a platform's error code asks of us: one table of rules a dialect, read by one function.

The first rule that matches decides; the code does, never the HTTP status. A code that no rule
knows is a transient error, and is counted by its name until somebody writes its rule.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shipment_tracking.errors import (
    PlatformError,
    QuotaError,
    RejectedError,
    RetryableError,
    UnmappedError,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")

BAD_ORDER_ID = (
    "the platform refuses the order's number: correct platform_order_id at the ERP, or leave its "
    "row out of extract_orders.sql"
)
BAD_ORDER = "the platform refuses the order: see that its number and account are right at the ERP"
TOO_OLD = "the platform answers for orders of its last months only, and this one is older"
MALFORMED = (
    "the platform calls our request malformed: install the newest shipment-tracking, or report "
    "this message"
)

_BAN = re.compile(r"last for (\d+) more seconds")


@dataclass(frozen=True, slots=True)
class Rule:
    """
    What to do about some codes.

    :param codes: the codes; none means any.
    :param raises: the error that says what to do.
    :param advice: what a person can do, put before the platform's own message.
    :param sub_code: how the second, finer code begins; empty means any or none.
    :param wait: seconds to wait, where the message does not say how long.
    :param until_midnight: the wait ends with the day in Beijing, where the message does not say.
    :param final: asking for this order again will never help.
    """

    codes: tuple[str, ...]
    raises: type[PlatformError]
    advice: str = ""
    sub_code: str = ""
    wait: float = 0
    until_midnight: bool = False
    final: bool = False

    def matches(self, code: str, sub_code: str) -> bool:
        """Whether the rule speaks of these codes; a finer code may carry a suffix (``:B04``)."""
        return (not self.codes or code in self.codes) and sub_code.startswith(self.sub_code)


def error_of(
    rules: Iterable[Rule],
    code: str,
    message: str,
    *,
    now: datetime,
    sub_code: str = "",
    request_id: str = "",
) -> PlatformError:
    """
    The error that a platform's codes stand for.

    :param now: real time, aware; a ban of the day is counted from it.
    :param sub_code: the finer code of platforms that have two; it names the error, if there is one.
    """
    said: dict[str, Any] = {"code": sub_code or code, "request_id": request_id}
    rule = next((rule for rule in rules if rule.matches(code, sub_code)), None)
    if rule is None:
        return (UnmappedError if said["code"] else RetryableError)(message, **said)
    if rule.advice:
        message = f"{rule.advice} ({message})"
    if issubclass(rule.raises, QuotaError):
        seconds = _seconds(rule, message, now)
        until = now + timedelta(seconds=seconds) if rule.until_midnight else None
        return rule.raises(message, retry_after=seconds, until=until, **said)
    if issubclass(rule.raises, RejectedError):
        return rule.raises(message, final=rule.final, **said)
    return rule.raises(message, **said)


def _seconds(rule: Rule, message: str, now: datetime) -> float:
    """How long to wait; a second more than the platform says, which counts whole seconds."""
    ban = _BAN.search(message)
    if ban:
        return int(ban[1]) + 1
    if not rule.until_midnight:
        return rule.wait
    tomorrow = now.astimezone(SHANGHAI).date() + timedelta(days=1)
    return (datetime.combine(tomorrow, time(), SHANGHAI) - now).total_seconds()
