"""The demo's accounts and apps: invented keys and tokens, good for the sandbox only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    """

    key: str
    secret: str
    accounts: tuple[Account, ...]
    qps: float | None = DEFAULT_QPS
    denied: frozenset[str] = frozenset()


def _account(name: str) -> Account:
    suffix = name.removeprefix("platform_").replace("_", "-")
    return Account(name, f"sandbox-access-{suffix}", f"sandbox-refresh-{suffix}")


def default_apps(qps: float | None = DEFAULT_QPS) -> tuple[App, ...]:
    """Three accounts: the first two share an app key and so its quota."""
    shared = (_account("platform_1688"), _account("platform_1688_east"))
    return (
        App("1688100001", "sandbox-secret-1", shared, qps),
        App("1688100002", "sandbox-secret-2", (_account("platform_1688_south"),), qps),
    )


def apps_for(accounts: Sequence[str], qps: float | None = DEFAULT_QPS) -> tuple[App, ...]:
    """Apps for accounts of any names: the first two share one, every other has its own."""
    groups = [accounts[:2], *([name] for name in accounts[2:])]
    return tuple(
        App(
            f"{1688100000 + number}",
            f"sandbox-secret-{number}",
            tuple(_account(name) for name in group),
            qps,
        )
        for number, group in enumerate(groups, start=1)
    )


def connection(
    account: str, base_url: str, apps: Sequence[App] | None = None, *, qps: float | None = None
) -> dict[str, Any]:
    """
    The Airflow connection of an account, as JSON.

    :param qps: what the connection promises; the app's own limit when left out.
    """
    for app in apps or default_apps():
        for each in app.accounts:
            if each.name == account:
                return {
                    "conn_type": "ecommerce_platform",
                    "host": base_url,
                    "login": app.key,
                    "password": app.secret,
                    "extra": {
                        "platform": "1688",
                        "dialect": "param2",
                        "access_token": each.access_token,
                        "refresh_token": each.refresh_token,
                        "qps": qps or app.qps or 1000,
                    },
                }
    raise KeyError(f"no such account in the sandbox: {account}")
