"""A new pair is kept before it is used, whoever dies, stands still or changes the key."""

import logging
from datetime import timedelta

import pytest

from shipment_tracking.platforms.ports import TokenPair
from shipment_tracking.warehouse.tokens import WarehouseTokens

from .calls import EAST, Cipher, order_of, outcomes, renewals


def test_a_new_pair_is_never_used_before_it_is_stored(sandbox, connect, quotas, cipher):
    class Full(WarehouseTokens):
        def store(self, key: str, pair: object) -> bool:
            raise OSError("no space left")

    sandbox.expire_token(EAST[0])

    with pytest.raises(OSError, match="no space"):
        connect(store=Full(quotas, cipher)).fetch_parcels(order_of(sandbox))

    assert outcomes(sandbox) == [("call", "401"), ("renewal", "ok")]


def test_a_stale_worker_does_not_undo_a_newer_renewal(sandbox, connect, quotas, cipher):
    class Slow(WarehouseTokens):
        def store(self, key: str, pair: TokenPair) -> bool:
            # Meanwhile the lease is over, and another process renews and goes on.
            self.release(key)
            assert other.fetch_parcels(order_of(sandbox))
            return super().store(key, pair)

    sandbox.expire_token(EAST[0])
    other = connect()

    assert connect(store=Slow(quotas, cipher)).fetch_parcels(order_of(sandbox))

    assert renewals(sandbox) == {EAST[0]: 2}
    assert outcomes(sandbox)[-1] == ("call", "ok")
    connect().fetch_parcels(order_of(sandbox))
    assert outcomes(sandbox)[-1] == ("call", "ok")


def test_stored_tokens_are_left_alone_when_the_key_was_changed(sandbox, connect, quotas, caplog):
    caplog.set_level(logging.WARNING)
    sandbox.expire_token(EAST[0])
    connect().fetch_parcels(order_of(sandbox))
    sandbox.clear_calls()

    connect(store=WarehouseTokens(quotas, Cipher())).fetch_parcels(order_of(sandbox))

    assert outcomes(sandbox) == [("call", "401"), ("renewal", "ok"), ("call", "ok")]
    assert "Fernet key was changed" in caplog.text


def test_a_worker_dead_while_renewing_delays_others_by_one_lease(sandbox, connect, quotas, cipher):
    dead = WarehouseTokens(quotas, cipher, lease=timedelta(seconds=0.5))
    opened = connect()
    assert dead.lease(opened._gateway._tokens._key, EAST[0])
    sandbox.expire_token(EAST[0])

    assert opened.fetch_parcels(order_of(sandbox))

    assert renewals(sandbox) == {EAST[0]: 1}


def test_while_another_renews_a_token_that_is_still_good_is_used(
    sandbox, connect, quotas, cipher, clock
):
    sandbox.expire_token(EAST[0])
    connect().fetch_parcels(order_of(sandbox))
    opened = connect()
    assert WarehouseTokens(quotas, cipher).lease(opened._gateway._tokens._key, EAST[0])
    sandbox.clear_calls()

    clock.advance(minutes=9.9 * 60)
    assert opened.fetch_parcels(order_of(sandbox))

    assert outcomes(sandbox) == [("call", "ok")]
