"""
Access tokens: the one a call is made with, and the next one before that ends.

A platform gives pairs: an access token for hours, a refresh token for months that buys the next
one. Whoever finds an access token ending leases the pair's row, asks the platform once, and stores
the new pair encrypted before anybody uses it; all others wait for that. The row belongs to the pair
in the connection, so a pair that an operator puts there begins a row of its own, and wins.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from shipment_tracking.errors import AuthError, RetryableError, TokenError
from shipment_tracking.platforms.ports import Account, Json, TokenPair, TokenStore
from shipment_tracking.platforms.refusals import SHANGHAI

log = logging.getLogger(__name__)

RENEW_BEFORE = timedelta(minutes=30)
"""An access token with less life than that is replaced: a lane works for 22 minutes."""
WARN_BEFORE = timedelta(days=7)
"""How long before the end of a refresh token its account's runs say so."""
PATIENCE = timedelta(minutes=3)
"""How long to wait for somebody else who renews; longer than the lease of one who died."""
LOOK_AGAIN = 0.2  # seconds
ASK_AGAIN = timedelta(minutes=5)
"""How long a process leaves a platform alone that would not renew a pair for a transient reason."""


@dataclass(frozen=True, slots=True)
class OAuth:
    """
    How a dialect renews a pair.

    :param api: name for the meter and for messages.
    :param page: where a person authorises the account anew.
    :param request: path and form of the call, from the account and its refresh token.
    :param read: the new pair from status, body and the present; what the answer leaves out is None.
    """

    api: str
    page: Callable[[Account], str]
    request: Callable[[Account, str], tuple[str, Mapping[str, str]]]
    read: Callable[[int, Json, datetime], TokenPair]


Ask = Callable[[OAuth, str], TokenPair]


class Tokens:
    """
    The pair of one account; safe to use from many threads.

    :param oauth: how its dialect renews a pair; ``None`` if it cannot.
    :param store: where renewed pairs are kept; without one none is renewed.
    """

    def __init__(
        self,
        account: Account,
        oauth: OAuth | None = None,
        store: TokenStore | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account = account
        self._oauth = oauth
        self._store = store if oauth and account.refresh_token else None
        self._clock = clock
        self._sleep = sleep
        self._key = _key(account)
        self._pair: TokenPair | None = None
        self._refusal: AuthError | None = None
        self._trouble = ""
        self._ask_again_at = 0.0
        self._lock = threading.Lock()

    def access_token(self, ask: Ask) -> str:
        """
        The token to make a call with; the next one, if it is about to end.

        :param ask: asks the platform for the pair that follows a refresh token.
        """
        with self._lock:
            pair = self._present()
            may_ask = not self._refusal and time.monotonic() >= self._ask_again_at
            if may_ask and pair.ends_before(self._clock() + RENEW_BEFORE):
                try:
                    self._renew(pair, ask, patience=timedelta(0))
                except (AuthError, RetryableError) as error:
                    # It is good for a while yet; when it no longer is, the platform will say so.
                    log.warning("%s: its access token ends soon: %s", self._account.conn_id, error)
            return self._present().access_token

    def after_refusal(self, refused: str, error: TokenError, ask: Ask) -> str:
        """
        The token to make a call with that was refused with another one.

        :param error: the platform's refusal.
        :raises AuthError: only a person can help; the text holds the page to authorise on.
        :raises RetryableError: somebody else has been renewing it for too long.
        """
        with self._lock:
            if self._present().access_token == refused:
                try:
                    self._renew(self._present(), ask, patience=PATIENCE)
                except AuthError as further:
                    raise self._for_a_person(further) from None
            if self._present().access_token == refused:
                raise self._for_a_person(error)
            return self._present().access_token

    def now(self) -> datetime:
        """The present, aware, that lives of tokens count from."""
        return self._clock()

    def warnings(self) -> list[str]:
        """What a person should do before a call fails; one line each."""
        end = self._pair.refresh_expires_at if self._pair else None
        if end is None or end > self._clock() + WARN_BEFORE or self._oauth is None:
            return []
        return [
            f"the refresh token of {self._account.conn_id} ends on {end.astimezone(SHANGHAI):%F}: "
            f"authorise the account again at {self._oauth.page(self._account)} before then"
        ]

    def _present(self) -> TokenPair:
        if self._pair is None:
            stored = self._store.find(self._key) if self._store else None
            given = TokenPair(self._account.access_token, self._account.refresh_token)
            self._pair = stored or given
        return self._pair

    def _renew(self, pair: TokenPair, ask: Ask, *, patience: timedelta) -> None:
        """Take the pair that follows: from the store if somebody was faster, else by asking."""
        if self._refusal:
            raise self._refusal
        if self._trouble and time.monotonic() < self._ask_again_at:
            raise RetryableError(f"the access token cannot be renewed: {self._trouble}")
        if self._store is None or self._oauth is None or pair.refresh_token is None:
            return
        give_up_at = time.monotonic() + patience.total_seconds()
        while not self._store.lease(self._key, self._account.conn_id):
            if self._is_renewed(pair):
                return
            if time.monotonic() >= give_up_at:
                raise RetryableError("another process is renewing the access token")
            self._sleep(LOOK_AGAIN)
        try:
            if not self._is_renewed(pair):
                fresh = ask(self._oauth, pair.refresh_token)
                # A renewal may leave the refresh token out: the old one then stays good.
                fresh = replace(
                    fresh,
                    refresh_token=fresh.refresh_token or pair.refresh_token,
                    refresh_expires_at=fresh.refresh_expires_at or pair.refresh_expires_at,
                )
                if self._store.store(self._key, fresh) or not self._is_renewed(pair):
                    self._pair = fresh
        except AuthError as refusal:
            self._refusal = refusal
            raise
        except RetryableError as trouble:
            # Every thread waits for whoever asks, so not each of them may try in its turn.
            self._trouble = str(trouble)
            self._ask_again_at = time.monotonic() + ASK_AGAIN.total_seconds()
            raise
        finally:
            self._store.release(self._key)

    def _is_renewed(self, pair: TokenPair) -> bool:
        """Whether somebody else stored another pair since; it is ours then too."""
        stored = self._store.find(self._key) if self._store else None
        if stored is None or stored.access_token == pair.access_token:
            return False
        self._pair = stored
        return True

    def _for_a_person(self, error: AuthError) -> AuthError:
        """The error anew, with what a person has to do about it."""
        said = {"code": error.code, "request_id": error.request_id}
        if not isinstance(error, TokenError):
            return AuthError(error.args[0], **said)
        page = f" at {self._oauth.page(self._account)}" if self._oauth else ""
        told = (
            f"{error.args[0]}: authorise the account again{page} and put the new token into the "
            "connection (field Access token, extra access_token)"
        )
        if self._oauth and self._account.refresh_token:
            told += ", with its refresh token"
        if self._oauth and self._account.refresh_token and not self._store:
            told += "; it was not renewed, as AIRFLOW__CORE__FERNET_KEY is empty here"
        return TokenError(told, **said)


def _key(account: Account) -> str:
    """Names the connection's pair without telling it."""
    parts = (account.gateway, account.app_key, account.access_token, account.refresh_token)
    return blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
