"""Access tokens of channels, fetched once for all workers and kept encrypted."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shipment_tracking.channels.access_tokens import ProcessTokens
from shipment_tracking.channels.port import AccessToken, Login
from shipment_tracking.errors import DeliveryError
from shipment_tracking.platforms.ports import TokenPair, TokenStore

LEASE = timedelta(seconds=30)
"""Of the right to fetch; a fetch takes 15 seconds at most."""
PATIENCE = timedelta(seconds=40)
"""How long to wait for a worker that fetches; longer than the lease of one that died."""
LOOK_AGAIN = 0.2  # seconds


class SharedTokens(ProcessTokens):
    """
    The port ``AccessTokens`` for all workers.

    Who finds no usable token leases its row, fetches one and stores it; the others wait for that.

    :param open_store: where tokens are kept; called once a token is needed.
    """

    def __init__(
        self,
        open_store: Callable[[], TokenStore],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        patience: timedelta = PATIENCE,
    ) -> None:
        super().__init__(clock)
        self._open_store = open_store
        self._store: TokenStore | None = None
        self._sleep = sleep
        self._patience = patience

    def renewed(self, login: Login, refused: str) -> AccessToken:
        """The stored token, or else a new one that is stored first."""
        store = self._store = self._store or self._open_store()
        give_up_at = time.monotonic() + self._patience.total_seconds()
        while not store.lease(login.key, login.name):
            if stored := self._stored(store, login, refused):
                return stored
            if time.monotonic() >= give_up_at:
                raise DeliveryError("another worker is fetching the access token")
            self._sleep(LOOK_AGAIN)
        try:
            if stored := self._stored(store, login, refused):
                return stored
            fresh = login.fetch()
            # Its row is pruned by the second time.
            pair = TokenPair(fresh.value, None, fresh.expires_at, fresh.expires_at)
            is_ours = store.store(login.key, pair)
            return fresh if is_ours else self._stored(store, login, refused) or fresh
        finally:
            store.release(login.key)

    def _stored(self, store: TokenStore, login: Login, refused: str) -> AccessToken | None:
        pair = store.find(login.key)
        if pair is None or pair.expires_at is None:
            return None
        token = AccessToken(pair.access_token, pair.expires_at)
        return token if self.is_usable(token, refused) else None
