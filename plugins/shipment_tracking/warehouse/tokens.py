"""Renewed access tokens, encrypted, and the right to renew them."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

from sqlalchemy import Engine

from shipment_tracking.platforms.ports import TokenPair
from shipment_tracking.statements import query
from shipment_tracking.warehouse.leases import Leases

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)


class Cipher(Protocol):
    """What makes a stored pair unreadable to others."""

    def encrypt(self, plain: bytes) -> bytes:
        """The text under the key."""

    def decrypt(self, secret: bytes) -> bytes | None:
        """The text again; ``None`` when the key was changed since."""


def reach(engine: Engine) -> None:
    """
    See that stored pairs can be read.

    :raises SQLAlchemyError: the warehouse does not answer, or has no tables yet.
    """
    with engine.connect() as connection:
        connection.execute(query("tokens.find"), {"key": ""})


class WarehouseTokens:
    """
    Renewed pairs, kept in the warehouse for everybody who uses the same connection's pair.

    :param engine: the warehouse.
    """

    def __init__(self, engine: Engine, cipher: Cipher, *, lease: timedelta = LEASE) -> None:
        self._engine = engine
        self._cipher = cipher
        self._leases = Leases("token", "token_id", str(uuid4()), lease)
        self._held: dict[str, dict[int, int]] = {}
        self._seen_at: dict[str, datetime | None] = {}

    def find(self, key: str) -> TokenPair | None:
        """The newest pair of a key, if one was stored and can be read."""
        row = self._execute("find", key=key)
        self._seen_at[key] = row.stored_at if row else None
        return self._read(row) if row else None

    def lease(self, key: str, account: str) -> bool:
        """Whether the right to renew the pair is ours for now."""
        with self._engine.begin() as connection:
            binds = {"key": key, "account": account}
            token_id = connection.scalars(query("tokens.ensure"), binds).one()
            self._held[key] = self._leases.take(connection, [token_id])
        return bool(self._held[key])

    def store(self, key: str, pair: TokenPair) -> bool:
        """Keep a pair that was just renewed; false if another was kept since the last ``find``."""
        tokens = json.dumps([pair.access_token, pair.refresh_token]).encode()
        stored = self._execute(
            "store",
            key=key,
            secret=self._cipher.encrypt(tokens),
            expires_at=pair.expires_at,
            refresh_expires_at=pair.refresh_expires_at,
            seen_at=self._seen_at.get(key),
        )
        return stored is not None

    def release(self, key: str) -> None:
        """Give the right to renew back."""
        with self._engine.begin() as connection:
            self._leases.release(connection, self._held.pop(key, {}))

    def _read(self, row: Any) -> TokenPair | None:
        plain = self._cipher.decrypt(bytes(row.secret))
        if plain is None:
            log.warning(
                "the stored tokens of %s cannot be read, as the Fernet key was changed: they are "
                "not used",
                row.account,
            )
            return None
        access_token, refresh_token = json.loads(plain)
        return TokenPair(access_token, refresh_token, row.expires_at, row.refresh_expires_at)

    def _execute(self, name: str, **binds: object) -> Any:
        with self._engine.begin() as connection:
            result = connection.execute(query(f"tokens.{name}"), binds)
            return result.one_or_none() if result.returns_rows else None
