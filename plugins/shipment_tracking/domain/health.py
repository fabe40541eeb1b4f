"""When something of the pipeline itself is a trouble that ops must hear of."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

KINDS = (
    "api_failures",
    "quota",
    "locked_out",
    "refresh_token_ends",
    "feed_broken",
    "not_polled",
    "backlog",
    "erp_writes",
    "channel_down",
    "dead_notices",
    "unknown_codes",
    "unknown_texts",
    "quarantined_replies",
    "closures_refused",
    "quality",
    "carrier_silent",
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """
    From when on a trouble counts.

    :param most_failed_calls: the share of an account's last calls, from 0 to 1, that may fail.
    :param fewest_calls: fewer calls say nothing.
    :param token_warning: how long before its end a refresh token is reported.
    :param fewest_writes: fewer writes that the ERP did not take are the rows' own trouble.
    :param fewest_unknown: fewer unknown codes or texts say nothing.
    :param most_unknown_codes: the share of a day's answers that may hold unknown codes.
    :param most_unknown_texts: the share of a day's texts that may be read unsurely.
    :param lately: how far back a trouble is looked for.
    :param usually: how far back the usual share of the unknown is looked for; twice that share is
        a trouble.
    """

    most_failed_calls: float
    fewest_calls: int
    token_warning: timedelta = timedelta(days=7)
    fewest_writes: int = 3
    fewest_unknown: int = 20
    most_unknown_codes: float = 0.02
    most_unknown_texts: float = 0.1
    lately: timedelta = timedelta(days=1)
    usually: timedelta = timedelta(days=8)

    @property
    def binds(self) -> dict[str, Any]:
        """What the statements take."""
        return asdict(self)
