"""A platform client from the connection of one account."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook
from airflow.sdk.configuration import conf
from airflow.sdk.crypto import get_fernet
from airflow.sdk.exceptions import AirflowNotFoundException

from shipment_tracking.errors import ConnectionFieldError
from shipment_tracking.hooks.clock_hook import now, refuse_simulated_clock
from shipment_tracking.hooks.connection_hook import extra_of, find, refuse_unknown
from shipment_tracking.hooks.warehouse_hook import WarehouseHook

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from airflow.sdk.crypto import FernetProtocol
    from sqlalchemy import Engine

    from shipment_tracking.domain.findings import Finding
    from shipment_tracking.platforms.ports import Account, PlatformClient
    from shipment_tracking.platforms.tokens import Tokens

EXTRA_FIELDS = (
    "platform",
    "dialect",
    "access_token",
    "refresh_token",
    "qps",
    "sign_method",
    "feed",
)
DEFAULT_QPS = 5.0
LOWEST_QPS = 0.01
"""Below it a call a run is more than a lane may spend: a slip of the pen, not a limit."""
WAREHOUSE_SECONDS = 5  # that a check waits for it


class PlatformHook(BaseHook):
    """
    Open a client for one authorised account of an e-commerce platform.

    :param platform_conn_id: Airflow connection (host = gateway without a path, login = app key,
        password = app secret, extra: platform, dialect, access_token, refresh_token, qps, and for
        the dialect ``top`` optionally sign_method; optionally feed). The dialect ``router`` needs
        no access_token for Taobao and Tmall.
    :param warehouse_conn_id: where the quota of the app key is kept.
    :param backfill: stay within the backfills' share of the quota.
    :raises ConnectionFieldError: a field is missing or unusable; the text names it.
    """

    conn_name_attr = "platform_conn_id"
    default_conn_name = "platform_1688"
    conn_type = "ecommerce_platform"
    hook_name = "E-commerce platform"

    def __init__(
        self,
        platform_conn_id: str = default_conn_name,
        *,
        warehouse_conn_id: str = "warehouse_db",
        backfill: bool = False,
    ) -> None:
        super().__init__()
        self.platform_conn_id = platform_conn_id
        self.warehouse_conn_id = warehouse_conn_id
        self.backfill = backfill

    def get_conn(self) -> "PlatformClient":
        """The client; it connects on first use."""
        from shipment_tracking.platforms import dialects
        from shipment_tracking.platforms.gateway import Gateway
        from shipment_tracking.warehouse.quota import Quota

        account = self.account()
        warehouse = WarehouseHook(self.warehouse_conn_id).get_conn()
        tokens = self._tokens(account, warehouse)
        quota = Quota(
            warehouse,
            gateway=account.gateway,
            app_key=account.app_key,
            account=account.conn_id,
            qps=account.qps,
            backfill=self.backfill,
        )
        return dialects.client(Gateway(account, quota, tokens))

    def check(self) -> "Iterator[Finding]":
        """
        Ask the platform a few harmless questions, outside the quota.

        Of the warehouse nothing but renewed access tokens is wanted, and it may be out of reach.
        """
        from shipment_tracking.domain.findings import Finding
        from shipment_tracking.platforms.check import Pause, check
        from shipment_tracking.platforms.gateway import Gateway

        account = self.account()
        tokens, unseen = self._tokens_within_reach(account)
        findings = check(Gateway(account, Pause(account.qps), tokens), now=now)
        if not unseen or not account.refresh_token:
            return findings
        return chain([Finding("renewed access token", None, unseen)], findings)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the connection works, and a line about it: the button *Test* in the UI."""
        from shipment_tracking.domain.findings import verdict

        try:
            return verdict(self.check())
        except ConnectionFieldError as error:
            # The button gives the connection a random id, which says nothing to anybody.
            return False, str(error).removeprefix(f"connection {self.platform_conn_id}: ")

    def account(self) -> "Account":
        """The connection, read and checked."""
        from shipment_tracking.platforms.dialects import DIALECTS, OFFICIAL
        from shipment_tracking.platforms.ports import Account
        from shipment_tracking.platforms.taobao.api import SIGN_METHODS

        connection = find(self.platform_conn_id)
        if connection.conn_type != self.conn_type:
            raise self._error(f"is of type {connection.conn_type}, not {self.conn_type}")
        extra = extra_of(connection, known=EXTRA_FIELDS)
        platform = self._one_of(extra, "platform", tuple(OFFICIAL))
        extra["dialect"] = extra.get("dialect") or OFFICIAL[platform]
        name = self._one_of(extra, "dialect", tuple(DIALECTS))
        dialect = DIALECTS[name]
        self._one_of(extra, "platform", dialect.platforms, of=f" of the dialect {name}")
        access_token = extra.get("access_token") or ""
        if dialect.has_session(platform):
            access_token = self._required(access_token, "extra access_token")
        sign_method = {"sign_method": extra.get("sign_method") or SIGN_METHODS[0]}
        gateway = self._gateway(connection)
        refuse_simulated_clock(gateway)
        return Account(
            conn_id=self.platform_conn_id,
            platform=platform,
            dialect=name,
            gateway=gateway,
            app_key=self._required(connection.login, "login (app key)"),
            app_secret=self._required(connection.password, "password (app secret)"),
            access_token=access_token,
            refresh_token=extra.get("refresh_token") or None,
            qps=self._qps(extra.get("qps")),
            sign_method=self._one_of(sign_method, "sign_method", SIGN_METHODS),
            feed=self._feed(extra.get("feed") or "", name),
        )

    def _tokens(self, account: "Account", warehouse: "Engine") -> "Tokens":
        from shipment_tracking.platforms.dialects import DIALECTS
        from shipment_tracking.platforms.tokens import Tokens
        from shipment_tracking.warehouse.tokens import WarehouseTokens

        cipher = token_cipher()
        store = WarehouseTokens(warehouse, cipher) if cipher else None
        return Tokens(account, DIALECTS[account.dialect].oauth, store, clock=now)

    def _tokens_within_reach(self, account: "Account") -> "tuple[Tokens | None, str]":
        """The account's tokens as a lane has them, or why not, if it matters."""
        from psycopg.errors import UndefinedTable
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        from shipment_tracking.warehouse import tokens

        hook = WarehouseHook(self.warehouse_conn_id, connect_timeout=WAREHOUSE_SECONDS)
        try:
            warehouse = hook.get_conn()
            tokens.reach(warehouse)
        except (AirflowNotFoundException, ConnectionFieldError, SQLAlchemyError) as error:
            if isinstance(error, DBAPIError) and isinstance(error.orig, UndefinedTable):
                return None, ""  # before the first run, so nothing was renewed yet
            return None, "the warehouse is out of reach, the connection's own token is used"
        return self._tokens(account, warehouse), ""

    def _gateway(self, connection: "Connection") -> str:
        host = self._required(connection.host, "host (gateway)").rstrip("/")
        try:
            parts = urlsplit(host)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            usable = usable and parts.port != 0 and not parts.path
        except ValueError:
            usable = False
        if not usable or any(mark in host for mark in "?#@"):
            raise self._error(
                f"host is {host!r}; it must be the gateway without a path, such as "
                "https://gw.open.1688.com"
            )
        # Quotas and tokens are kept by gateway, so the usual port is never written out.
        port = parts.port or connection.port
        usual = {"https": 443, "http": 80}[parts.scheme]
        bare = host.removesuffix(f":{parts.port}")
        return bare if not port or port == usual else f"{bare}:{port}"

    def _one_of(
        self, extra: dict[str, Any], field: str, choices: Sequence[str], *, of: str = ""
    ) -> str:
        value, texts = extra.get(field), ", ".join(map(repr, choices))
        if value in (None, ""):
            raise self._error(f"extra {field} is missing; it must be one of the texts {texts}")
        if value not in choices:
            raise self._error(f"extra {field} is {value!r}, not one of the texts {texts}{of}")
        return str(value)

    def _feed(self, feed: str, dialect: str) -> str:
        from shipment_tracking.platforms.dialects import DIALECTS

        feeds = DIALECTS[dialect].feeds
        if feed and feed not in feeds:
            choices = " or ".join(feeds)
            raise self._error(
                f"extra feed is {feed!r}; the dialect {dialect} has "
                + (f"{choices}, or leave it empty" if choices else "none: leave it empty")
            )
        return feed

    def _required(self, value: str | None, field: str) -> str:
        if value is None or not str(value).strip():
            raise self._error(f"{field} is missing")
        return value

    def _qps(self, value: Any) -> float:
        if value in (None, ""):
            return DEFAULT_QPS
        try:
            qps = float(value)
        except (TypeError, ValueError):
            qps = 0
        if not LOWEST_QPS <= qps < float("inf"):
            raise self._error(
                f"extra qps is {value!r}; it must be a number of calls per second, {LOWEST_QPS} or "
                "more"
            )
        return qps

    def _error(self, problem: str) -> ConnectionFieldError:
        return ConnectionFieldError(f"connection {self.platform_conn_id}: {problem}")


class TokenCipher:
    """Keeps tokens unreadable in the warehouse, by Airflow's Fernet key."""

    def __init__(self, fernet: "FernetProtocol") -> None:
        self._fernet = fernet

    def encrypt(self, plain: bytes) -> bytes:
        """The text under the key."""
        return self._fernet.encrypt(plain)

    def decrypt(self, secret: bytes) -> bytes | None:
        """The text again; ``None`` when the key was changed since."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(secret)
        except InvalidToken:
            return None


def token_cipher() -> TokenCipher | None:
    """What tokens are stored under; without a key they are not stored at all."""
    key = conf.get("core", "fernet_key", fallback="")
    # Where no key is set, a task sees the placeholder of Airflow's default.
    return TokenCipher(get_fernet()) if key and key != "{FERNET_KEY}" else None


def is_account(conn_id: str) -> bool:
    """
    Whether an account can be asked: a connection of that id and of our type exists.

    A connection with a broken field counts as one: its lane fails and says which field.
    """
    try:
        return find(conn_id).conn_type == PlatformHook.conn_type
    except AirflowNotFoundException:
        return False
    except ConnectionFieldError:
        return True


def check(conn_id: str) -> "Iterator[Finding]":
    """
    Check a connection from the command line, outside any task.

    :raises ConnectionFieldError: there is no such connection, or a field of it is unusable.
    """
    with refuse_unknown(conn_id):
        return PlatformHook(conn_id).check()


@contextmanager
def client(account: str, *, backfill: bool = False) -> Iterator["PlatformClient"]:
    """A client of the account, closed at the end."""
    with refuse_unknown(account):
        opened = PlatformHook(account, backfill=backfill).get_conn()
    try:
        yield opened
    finally:
        opened.close()
