"""Access tokens of channels, kept in this process."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shipment_tracking.channels.port import AccessToken, Login

RENEW_BEFORE = timedelta(minutes=3)
"""A token with less life is replaced. WeChat gives the next one in the last five minutes."""


class ProcessTokens:
    """The port ``AccessTokens``; safe to use from many threads."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._tokens: dict[str, AccessToken] = {}
        self._lock = threading.Lock()

    def get(self, login: Login, *, refused: str = "") -> str:
        """See ``channels.port.AccessTokens``."""
        with self._lock:
            known = self._tokens.get(login.key)
            if known is None or not self.is_usable(known, refused):
                known = self._tokens[login.key] = self.renewed(login, refused)
            return known.value

    def is_usable(self, token: AccessToken, refused: str) -> bool:
        """Whether a token is not the refused one and lasts for a while."""
        return token.value != refused and token.expires_at > self._clock() + RENEW_BEFORE

    def renewed(self, login: Login, refused: str) -> AccessToken:
        """A token that is not known here yet."""
        return login.fetch()
