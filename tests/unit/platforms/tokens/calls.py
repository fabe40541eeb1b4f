"""What was called at the sandbox, and what became of it."""

from collections import Counter
from datetime import UTC, datetime

from cryptography.fernet import Fernet, InvalidToken

from sandbox.platform_1688 import OAUTH as RENEWAL_1688
from sandbox.platform_taobao import REFRESH as RENEWAL_TAOBAO
from sandbox.server import Sandbox

START = datetime(2026, 3, 2, tzinfo=UTC)
EAST = ("platform_1688", "platform_1688_east", "platform_1688_west", "platform_1688_north")
TAOBAO = "platform_taobao"
RENEWALS = {RENEWAL_1688, RENEWAL_TAOBAO}


class Cipher:
    """A Fernet key of its own."""

    def __init__(self) -> None:
        self._fernet = Fernet(Fernet.generate_key())

    def encrypt(self, plain: bytes) -> bytes:
        return self._fernet.encrypt(plain)

    def decrypt(self, secret: bytes) -> bytes | None:
        try:
            return self._fernet.decrypt(secret)
        except InvalidToken:
            return None


def order_of(sandbox: Sandbox, account: str = EAST[0]) -> str:
    return next(sandbox.world.orders(account)).order_id


def outcomes(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Renewals and what became of each other call, in turn."""
    return [("renewal" if call.api in RENEWALS else "call", call.outcome) for call in sandbox.calls]


def renewals(sandbox: Sandbox) -> Counter[str]:
    """How often the pair of each account was renewed."""
    return Counter(call.account for call in sandbox.calls if call.api in RENEWALS)
