"""Who may see and do what on the page, and proof that a form is the page's own."""

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

FORM_SECONDS = 12 * 3600
"""How long a form that was opened may be sent."""


@dataclass(frozen=True, slots=True)
class User:
    """
    Who asks.

    :param name: as Airflow knows them; acts are recorded with it.
    :param may_act: whether they may edit and trigger the DAG ``sync_shipments``.
    """

    name: str
    may_act: bool


class FormTokens:
    """
    Tokens of forms, which other sites cannot make.

    :param secret: shared by all processes that serve the page.
    :param clock: seconds since the epoch.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def issue(self, user: User) -> str:
        """A token for a user's forms."""
        ends_at = str(int(self._clock()) + FORM_SECONDS)
        return f"{ends_at}.{self._signature(ends_at, user)}"

    def is_valid(self, token: str, user: User) -> bool:
        """Whether this user was given the token, not too long ago."""
        ends_at, _, signature = token.partition(".")
        expected = self._signature(ends_at, user).encode()
        if not hmac.compare_digest(signature.encode("utf-8", "replace"), expected):
            return False
        return int(ends_at) > self._clock()

    def _signature(self, ends_at: str, user: User) -> str:
        text = f"shipments form\n{ends_at}\n{user.name}"
        return hmac.new(self._secret, text.encode("utf-8", "replace"), sha256).hexdigest()
