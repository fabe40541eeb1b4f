"""What a host is called, and which hosts are this machine."""

import re
from ipaddress import ip_address

_NAME = re.compile(r"\w(?:[\w.-]*\w)?\.?")


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_host(text: str) -> bool:
    """Whether a text is a host name or address alone: no scheme, login, port or path."""
    if _NAME.fullmatch(text):
        return True
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def has_bare_at(host: str | None, database: str | None) -> bool:
    """Whether an address was divided at an ``@`` of its password: its parts hold another one."""
    return "@" in (host or "") or "@" in (database or "")
