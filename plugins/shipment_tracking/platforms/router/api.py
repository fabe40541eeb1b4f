"""How a router is called: its APIs and its signature."""

from collections.abc import Mapping
from hashlib import md5

PATH_1688 = "/openapi/http/2/1"
PATH_TAOBAO = "/router/rest"

WAYBILLS = "alibaba.logistics.trade.ship"
TRACE = "alibaba.logistics.trace.get"
ORDER_STATUS = "alibaba.logistics.OpQueryLogisticsTrace"


def has_session(platform: str) -> bool:
    """Whether calls for a platform carry the account's access token."""
    return platform == "1688"


def sign(params: Mapping[str, str], secret: str) -> str:
    """The value of ``sign``: MD5 over the sorted key+value strings, the secret at both ends."""
    joined = "".join(f"{key}{value}" for key, value in sorted(params.items()))
    return md5((secret + joined + secret).encode()).hexdigest().upper()
