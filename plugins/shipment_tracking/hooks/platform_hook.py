"""A platform client from the connection of one account."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook
from airflow.sdk.configuration import conf
from airflow.sdk.crypto import get_fernet
from airflow.sdk.exceptions import AirflowNotFoundException

from shipment_tracking.errors import ConnectionFieldError
from shipment_tracking.hooks.clock_hook import now, refuse_simulated_clock
from shipment_tracking.hooks.warehouse_hook import WarehouseHook

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from airflow.sdk.crypto import FernetProtocol

    from shipment_tracking.platforms.client import Account, PlatformClient

EXTRA_FIELDS = ("platform", "dialect", "access_token", "refresh_token", "qps", "sign_method")
DEFAULT_QPS = 5.0


class PlatformHook(BaseHook):
    """
    Open a client for one authorised account of an e-commerce platform.

    :param platform_conn_id: Airflow connection (host = gateway without a path, login = app key,
        password = app secret, extra: platform, dialect, access_token, refresh_token, qps, and for
        the dialect ``top`` optionally sign_method). The dialect ``router`` needs no access_token
        for Taobao and Tmall.
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
        from shipment_tracking.platforms.client import Gateway
        from shipment_tracking.platforms.quota import Quota
        from shipment_tracking.platforms.tokens import Tokens, TokenStore

        account = self.account()
        warehouse = WarehouseHook(self.warehouse_conn_id).get_conn()
        cipher = token_cipher()
        tokens = Tokens(
            account,
            dialects.OAUTHS.get(account.dialect),
            TokenStore(warehouse, cipher) if cipher else None,
            clock=now,
        )
        quota = Quota(
            warehouse,
            gateway=account.gateway,
            app_key=account.app_key,
            account=account.conn_id,
            qps=account.qps,
            backfill=self.backfill,
        )
        return dialects.client(Gateway(account, quota, tokens))

    def account(self) -> "Account":
        """The connection, read and checked."""
        from shipment_tracking.platforms.client import Account
        from shipment_tracking.platforms.dialects import PLATFORMS, needs_access_token
        from shipment_tracking.platforms.taobao import SIGN_METHODS

        connection = self.get_connection(self.platform_conn_id)
        if connection.conn_type != self.conn_type:
            raise self._error(f"is of type {connection.conn_type}, not {self.conn_type}")
        extra = connection.extra_dejson
        unknown = sorted(extra.keys() - set(EXTRA_FIELDS))
        if unknown:
            raise self._error(
                f"extra has unknown fields {', '.join(unknown)}; known are "
                f"{', '.join(EXTRA_FIELDS)}"
            )
        dialect = self._one_of(extra, "dialect", tuple(PLATFORMS))
        platform = self._one_of(extra, "platform", PLATFORMS[dialect])
        access_token = extra.get("access_token") or ""
        if needs_access_token(dialect, platform):
            access_token = self._required(access_token, "extra access_token")
        sign_method = {"sign_method": extra.get("sign_method") or SIGN_METHODS[0]}
        gateway = self._gateway(connection)
        refuse_simulated_clock(gateway)
        return Account(
            conn_id=self.platform_conn_id,
            platform=platform,
            dialect=dialect,
            gateway=gateway,
            app_key=self._required(connection.login, "login (app key)"),
            app_secret=self._required(connection.password, "password (app secret)"),
            access_token=access_token,
            refresh_token=extra.get("refresh_token") or None,
            qps=self._qps(extra.get("qps")),
            sign_method=self._one_of(sign_method, "sign_method", SIGN_METHODS),
        )

    def _gateway(self, connection: "Connection") -> str:
        host = self._required(connection.host, "host (gateway)").rstrip("/")
        parts = urlsplit(host)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
            raise self._error(
                f"host is {host!r}; it must be the gateway without a path, such as "
                "https://gw.open.1688.com"
            )
        return host if parts.port or not connection.port else f"{host}:{connection.port}"

    def _one_of(self, extra: dict[str, Any], field: str, choices: tuple[str, ...]) -> str:
        value = extra.get(field)
        if value not in choices:
            raise self._error(f"extra {field} is {value!r}, not one of {', '.join(choices)}")
        return str(value)

    def _required(self, value: str | None, field: str) -> str:
        if not value:
            raise self._error(f"{field} is missing")
        return value

    def _qps(self, value: Any) -> float:
        if value in (None, ""):
            return DEFAULT_QPS
        try:
            qps = float(value)
        except (TypeError, ValueError):
            qps = 0
        if not 0 < qps < float("inf"):
            raise self._error(f"extra qps is {value!r}, not a number of calls per second")
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
        return PlatformHook.get_connection(conn_id).conn_type == PlatformHook.conn_type
    except AirflowNotFoundException:
        return False


@contextmanager
def client(account: str, *, backfill: bool = False) -> Iterator["PlatformClient"]:
    """A client of the account, closed at the end."""
    opened = PlatformHook(account, backfill=backfill).get_conn()
    try:
        yield opened
    finally:
        opened.close()
