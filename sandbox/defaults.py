"""The demo's accounts and apps: invented keys and tokens, good for the sandbox only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.world import dialect_of, platform_of

ACCOUNTS = (
    "platform_1688",
    "platform_1688_east",
    "platform_taobao",
    "platform_tmall",
    "platform_router",
)
DEFAULT_QPS = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """One authorisation: what the member's tokens are when the sandbox starts."""

    name: str
    access_token: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class App:
    """
    One app key.

    :param qps: most arrivals in any one second over all its accounts; None is no limit.
    :param denied: API names it has no package for.
    :param daily_calls: most calls in one day of Beijing (TOP alone); None is no limit.
    :param rotates: whether a renewal also replaces the refresh token; its life is `refresh_days`.
    """

    key: str
    secret: str
    accounts: tuple[Account, ...]
    qps: float | None = DEFAULT_QPS
    denied: frozenset[str] = frozenset()
    daily_calls: int | None = None
    rotates: bool = False
    refresh_days: float = 180

    @property
    def dialect(self) -> str:
        """The protocol of its accounts' platform: one app has accounts of one protocol."""
        return dialect_of(self.accounts[0].name) if self.accounts else "param2"


def _account(name: str) -> Account:
    suffix = name.removeprefix("platform_").replace("_", "-")
    return Account(name, f"sandbox-access-{suffix}", f"sandbox-refresh-{suffix}")


def apps_for(accounts: Iterable[str], qps: float | None = DEFAULT_QPS) -> tuple[App, ...]:
    """Apps for accounts of any names: of each protocol the first two share one, and its quota."""
    apps: list[App] = []
    accounts = list(accounts)
    for dialect, first_key in (("param2", 1688100000), ("top", 23100000), ("router", 57100000)):
        names = [name for name in accounts if dialect_of(name) == dialect]
        for group in filter(None, [names[:2], *([name] for name in names[2:])]):
            number = len(apps) + 1
            apps.append(
                App(
                    f"{first_key + number}",
                    f"sandbox-secret-{number}",
                    tuple(_account(name) for name in group),
                    qps,
                )
            )
    return tuple(apps)


def connection(
    account: str, base_url: str, apps: Iterable[App], *, qps: float | None = None
) -> dict[str, Any]:
    """
    The Airflow connection of an account, as JSON.

    :param qps: what the connection promises; the app's own limit when left out.
    """
    for app in apps:
        for each in app.accounts:
            if each.name == account:
                tokens = {
                    "access_token": each.access_token,
                    "refresh_token": each.refresh_token,
                }
                if app.dialect == "router" and platform_of(account) != "1688":
                    tokens = {"access_token": ""}
                return {
                    "conn_type": "ecommerce_platform",
                    "host": base_url,
                    "login": app.key,
                    "password": app.secret,
                    "extra": {
                        "platform": platform_of(account),
                        "dialect": app.dialect,
                        "qps": qps or app.qps or 1000,
                        **tokens,
                    },
                }
    raise KeyError(f"no such account in the sandbox: {account}")
