"""What every dialect shares: the session, retry, metering and redaction."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Literal, TypeVar

import requests
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_base, wait_random_exponential
from urllib3.exceptions import NameResolutionError, NewConnectionError

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.models import ApiUsage
from shipment_tracking.errors import (
    AuthError,
    PlatformError,
    QuotaError,
    RejectedError,
    RetryableError,
    TokenError,
    UnmappedError,
)
from shipment_tracking.platforms.ports import (
    THREADS,
    Account,
    ChangeFeed,
    Json,
    RateLimiter,
    TokenPair,
)
from shipment_tracking.platforms.replies import (
    LONGEST_WORD,
    NotANumberError,
    decode,
    parse,
    reading,
)
from shipment_tracking.platforms.tokens import OAuth, Tokens

TIMEOUT = (3, 10)  # seconds to connect, to read
TRIES = 3
LONGEST_WAIT = 30  # seconds between two tries, whatever the platform asks for
LONGEST_BAN = 24 * 60 * 60.0  # seconds that a reply's head may keep everybody waiting
SECRET_PARAMS = ("access_token", "refresh_token", "client_secret", "session")

MOST_RENEWALS = 2
"""Access tokens that a call may be refused with before it fails."""

T = TypeVar("T")
Request = Callable[[str], tuple[str, Mapping[str, str]]]
"""Path and params of a call, signed, from the access token it is made with."""

Verb = Literal["GET", "POST"]
"""Whether the params of a call travel in its address or in a form."""


class _WithoutQuery(logging.Filter):
    """Takes the query, which may hold a token and a signature, out of logged addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args
            )
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_WithoutQuery())


Unknown = Callable[[Json], Iterable[str]]
"""The words of an answer that no table knows."""


def nothing(answer: object) -> Iterable[str]:
    """Where no table of words is kept, no word is unknown."""
    return ()


class _Wait(wait_base):
    """Exponential with full jitter from half a second, and never shorter than we were asked."""

    _backoff = wait_random_exponential(multiplier=0.5, max=8)

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, RetryableError) else 0
        return min(LONGEST_WAIT, max(asked, self._backoff(retry_state)))


class Gateway:
    """
    One account's way out: every try takes a new quota slot, is metered, and tells nobody a secret.

    :param tokens: renews the account's access token; without it the connection's own is used.
    :param sleep: waits between two tries.
    :param timeout: seconds to connect, to read.
    """

    def __init__(
        self,
        account: Account,
        quota: RateLimiter,
        tokens: Tokens | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        self.account = account
        self._quota = quota
        self._tokens = tokens or Tokens(account)
        self._timeout = timeout
        self._usage: dict[tuple[str, str], list[float]] = {}
        self._usage_lock = threading.Lock()
        self._unmapped: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=THREADS, max_retries=0)
        self._session.mount(account.gateway, adapter)
        # Proxies and certificates of the environment, read once and not at every call.
        found = self._session.merge_environment_settings(account.gateway, {}, None, None, None)
        self._session.proxies, self._session.verify = found["proxies"], found["verify"]
        self._session.trust_env = False
        self._retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=_Wait(),
            retry=retry_if_exception(_may_pass_soon),
            sleep=sleep,
            reraise=True,
        )

    def call(
        self,
        api: str,
        request: Request,
        read: Callable[[int, Json], Json],
        *,
        verb: Verb = "POST",
        unknown: Unknown = nothing,
    ) -> Json:
        """
        Send one request and return its answer.

        :param api: name for the meter and for messages.
        :param request: freshly signed for each try.
        :param read: turns status and body into the answer, or raises a ``PlatformError``.
        :param unknown: the words of an answer that no table knows; they are counted and warned of.
        :raises PlatformError: with the connection's name in front.
        """
        try:
            return self._call(api, request, read, verb, unknown)
        except PlatformError as error:
            error.args = (f"{self.account.conn_id}: {api}: {error.args[0]}",)
            raise

    def drain_usage(self) -> list[ApiUsage]:
        """Calls made since the last look."""
        with self._usage_lock:
            usage, self._usage = self._usage, {}
        return [
            ApiUsage(api, outcome, int(calls), seconds)
            for (api, outcome), (calls, seconds) in sorted(usage.items())
        ]

    def warnings(self) -> list[str]:
        """What a person should see to though the calls went on; one line each."""
        unmapped = [
            f"{self.account.conn_id} answered {calls} times with the code {code}, which no rule "
            "knows; the calls were repeated"
            for code, calls in sorted(self._unmapped.items())
        ]
        unknown = [
            f"{self.account.conn_id} answered {times} times with the {word}, which no table knows; "
            "it was read without that word"
            for word, times in sorted(self._unknown.items())
        ]
        return [*self._tokens.warnings(), *unmapped, *unknown]

    def close(self) -> None:
        """Give connections back."""
        self._session.close()
        self._quota.close()

    def _call(
        self,
        api: str,
        request: Request,
        read: Callable[[int, Json], Json],
        verb: Verb,
        unknown: Unknown,
    ) -> Json:
        """
        Ask, and again with the next access token if this one is refused.

        Twice at most: a stale worker may have renewed the first one's successor meanwhile.
        """
        token = self._tokens.access_token(self._renew)
        for _ in range(MOST_RENEWALS):
            try:
                return self._retrying(self._try, api, partial(request, token), read, verb, unknown)
            except TokenError as refusal:
                token = self._tokens.after_refusal(token, refusal, self._renew)
        return self._retrying(self._try, api, partial(request, token), read, verb, unknown)

    def _renew(self, oauth: OAuth, refresh_token: str) -> TokenPair:
        """Ask for the pair that follows a refresh token."""
        return self._retrying(
            self._try,
            oauth.api,
            lambda: oauth.request(self.account, refresh_token),
            lambda status, body: oauth.read(status, body, self._tokens.now()),
        )

    def _try(
        self,
        api: str,
        request: Callable[[], tuple[str, Mapping[str, str]]],
        read: Callable[[int, Json], T],
        verb: Verb = "POST",
        unknown: Callable[[T], Iterable[str]] = nothing,
    ) -> T:
        self._quota.acquire()
        # Signed now: a platform takes no call whose time is minutes old.
        path, params = request()
        started = time.monotonic()
        outcome = "ok"
        try:
            answer = self._answer(self._send(verb, path, params), read, params)
            with reading("an answer that can be read", RejectedError):
                words = list(unknown(answer))
            if words:
                outcome = f"unmapped {words[0]}"
                with self._usage_lock:
                    self._unknown.update(words)
            return answer
        except QuotaError as error:
            outcome = "quota"
            self._quota.block(error.retry_after)
            raise
        except UnmappedError as error:
            outcome = f"unmapped {error.code[:LONGEST_WORD]}"
            with self._usage_lock:
                self._unmapped[error.code[:LONGEST_WORD]] += 1
            raise
        except RetryableError:
            outcome = "retryable"
            raise
        except AuthError:
            outcome = "auth"
            raise
        except PlatformError:
            outcome = "rejected"
            raise
        finally:
            self._count(api, outcome, time.monotonic() - started)

    def _answer(
        self, reply: requests.Response, read: Callable[[int, Json], T], params: Mapping[str, str]
    ) -> T:
        """What the reply says; an error waits as long as its head asks, and tells no secret."""
        try:
            with reading("an answer that can be read", RejectedError):
                return read(*self._read(reply))
        except PlatformError as error:
            error.args = (self._told(error.args[0], params),)
            if isinstance(error, RetryableError):
                error.retry_after = max(error.retry_after, _seconds(reply, default=0))
            raise

    def _told(self, message: str, params: Mapping[str, str]) -> str:
        """A platform's message without persons, and without its credentials."""
        account = self.account
        secrets = {account.app_secret, account.access_token, account.refresh_token}
        for secret in filter(None, secrets | {params.get(name) for name in SECRET_PARAMS}):
            message = message.replace(secret, "*")
        return normalise(message)

    def _send(self, verb: Verb, path: str, params: Mapping[str, str]) -> requests.Response:
        where: Json = {"params": params} if verb == "GET" else {"data": params}
        try:
            return self._session.request(
                verb,
                self.account.gateway + path,
                timeout=self._timeout,
                allow_redirects=False,
                **where,
            )
        except requests.Timeout:
            trouble = "no answer in time"
        except requests.RequestException as error:
            trouble = f"no connection ({_obstacle(error)})"
        # Raised out here, for the library's own error holds the address, which may hold a token.
        raise RetryableError(trouble)

    @staticmethod
    def _read(reply: requests.Response) -> tuple[int, Json]:
        if reply.status_code == requests.codes.too_many_requests:
            raise QuotaError("HTTP 429", code="429", retry_after=_seconds(reply, default=2))
        kind = reply.headers.get("Content-Type", "nothing known")
        try:
            body = parse(decode(reply.content, kind))
        except (UnicodeDecodeError, NotANumberError) as error:
            if reply.status_code >= 400 or not reply.content.rstrip().endswith(b"}"):
                body = None  # cut off, or a page of some gateway in between
            else:
                raise RejectedError(_unusable(error)) from None
        if not isinstance(body, dict):
            raise RetryableError(
                f"HTTP {reply.status_code} with {kind.partition(';')[0]} instead of a JSON object",
                code=str(reply.status_code),
            )
        return reply.status_code, body

    def _count(self, api: str, outcome: str, seconds: float) -> None:
        with self._usage_lock:
            entry = self._usage.setdefault((api, outcome), [0, 0.0])
            entry[0] += 1
            entry[1] += seconds


Feeds = Mapping[str, Callable[[Gateway], ChangeFeed]]


class DialectClient:
    """
    What the clients of all dialects share: the account, its way out, its meter and its feed.

    :param feeds: what can tell which orders changed, by the name an account chooses it by.
    """

    def __init__(self, gateway: Gateway, feeds: Feeds | None = None) -> None:
        self.account: Account = gateway.account
        chosen = feeds[self.account.feed] if feeds and self.account.feed else None
        self.feed: ChangeFeed | None = chosen(gateway) if chosen else None
        self._gateway = gateway

    def drain_usage(self) -> list[ApiUsage]:
        """Calls made since the last look."""
        return self._gateway.drain_usage()

    def warnings(self) -> list[str]:
        """What a person should see to though the calls went on; one line each."""
        return self._gateway.warnings()

    def close(self) -> None:
        """Give connections back."""
        self._gateway.close()


def _may_pass_soon(error: BaseException) -> bool:
    """A transient error, unless its end is known to be far."""
    has_end = isinstance(error, QuotaError) and error.until is not None
    return isinstance(error, RetryableError) and not has_end


def _unusable(error: UnicodeDecodeError | NotANumberError) -> str:
    """Why a whole reply costs its order, without a byte of it."""
    if isinstance(error, UnicodeDecodeError):
        return (
            f"the answer cannot be decoded as {error.encoding} (byte {error.start}): the platform "
            "must name its charset, or correct the order's text"
        )
    return f"the answer holds {error}, which is not a number: the platform must correct it"


def _obstacle(error: requests.RequestException) -> str:
    """Where the way to the gateway ends; the library's own text holds addresses."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, NameResolutionError):
        return "the gateway's name is unknown to this machine's DNS"
    if isinstance(reason, NewConnectionError):
        return "the gateway's machine refuses it or is out of reach"
    if isinstance(error, requests.exceptions.SSLError):
        return "no TLS there, or a certificate that is not trusted"
    return type(error).__name__


def _seconds(reply: requests.Response, *, default: float) -> float:
    """The ``Retry-After`` of a reply; its form as a date is not used by any known gateway."""
    value = reply.headers.get("Retry-After", "")
    return min(LONGEST_BAN, float(value)) if value.isdecimal() else default
