"""An access token that ends is replaced once for all who use it."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text

from sandbox.platform_1688 import OAUTH as RENEWAL_1688
from shipment_tracking.errors import RetryableError
from shipment_tracking.platforms.ali1688 import oauth as ali1688_oauth
from shipment_tracking.platforms.ports import TokenPair
from shipment_tracking.platforms.tokens import OAuth, Tokens
from shipment_tracking.warehouse.tokens import WarehouseTokens

from .calls import EAST, TAOBAO, order_of, outcomes, renewals


@pytest.mark.parametrize(("account", "refusal"), [(EAST[0], "401"), (TAOBAO, "session-expired")])
def test_a_token_that_is_refused_is_renewed_and_the_call_goes_on(
    account, refusal, sandbox, connect
):
    opened = connect(account)
    sandbox.expire_token(account)

    assert opened.fetch_parcels(order_of(sandbox, account))

    assert outcomes(sandbox) == [("call", refusal), ("renewal", "ok"), ("call", "ok")]
    assert {usage.outcome for usage in opened.drain_usage()} == {"ok", "auth"}


def test_a_stored_token_that_ended_meanwhile_is_renewed_too(sandbox, connect):
    opened = connect()
    opened.fetch_parcels(order_of(sandbox))
    sandbox.expire_token(EAST[0])
    connect().fetch_parcels(order_of(sandbox))
    sandbox.expire_token(EAST[0])
    sandbox.clear_calls()

    opened.fetch_parcels(order_of(sandbox))

    refused = ("call", "401")
    assert outcomes(sandbox) == [refused, refused, ("renewal", "ok"), ("call", "ok")]


def test_what_was_renewed_is_there_for_the_next_process(sandbox, connect):
    sandbox.expire_token(EAST[0])
    connect().fetch_parcels(order_of(sandbox))
    sandbox.clear_calls()

    connect().fetch_parcels(order_of(sandbox))

    assert outcomes(sandbox) == [("call", "ok")]


def test_a_stored_pair_can_be_read_with_the_key_alone(sandbox, connect, quotas):
    sandbox.expire_token(EAST[0])
    connect().fetch_parcels(order_of(sandbox))

    with quotas.connect() as connection:
        rows = connection.execute(
            text("select * from tracking.token order by stored_at desc limit 1")
        ).all()

    shown = repr([tuple(bytes(v) if isinstance(v, memoryview) else v for v in r) for r in rows])
    assert "sandbox-access" not in shown
    assert "sandbox-refresh" not in shown


def test_a_token_that_is_about_to_end_is_renewed_before_it_is_refused(sandbox, connect, clock):
    sandbox.expire_token(EAST[0])
    connect().fetch_parcels(order_of(sandbox))
    sandbox.clear_calls()

    clock.advance(minutes=9.4 * 60)
    connect().fetch_parcels(order_of(sandbox))
    clock.advance(minutes=12)
    connect().fetch_parcels(order_of(sandbox))

    assert outcomes(sandbox) == [("call", "ok"), ("renewal", "ok"), ("call", "ok")]


def test_a_token_that_cannot_be_renewed_is_used_up_to_its_end(sandbox, connect, clock, caplog):
    caplog.set_level(logging.WARNING)
    sandbox.expire_token(EAST[0])
    connect().fetch_parcels(order_of(sandbox))
    sandbox.clear_calls()
    sandbox.platform.tokens.revoke_refresh_tokens()

    clock.advance(minutes=9.9 * 60)
    assert connect().fetch_parcels(order_of(sandbox))

    assert outcomes(sandbox) == [("renewal", "invalid_grant"), ("call", "ok")]
    assert "platform_1688: its access token ends soon" in caplog.text


def test_a_failed_renewal_is_not_repeated_while_the_token_is_valid(
    sandbox, connect, clock, cipher, quotas, caplog
):
    caplog.set_level(logging.WARNING)
    sandbox.expire_token(EAST[0])
    account = connect().account
    connect().fetch_parcels(order_of(sandbox))
    clock.advance(minutes=9.9 * 60)
    tokens = Tokens(account, ali1688_oauth.OAUTH, WarehouseTokens(quotas, cipher), clock=clock.now)
    asked: list[str] = []

    def be_away(oauth: OAuth, refresh_token: str) -> TokenPair:
        asked.append(refresh_token)
        raise RetryableError("HTTP 502")

    used = {tokens.access_token(be_away) for _ in range(5)}

    assert used != {account.access_token}
    assert len(used) == len(asked) == 1
    assert caplog.text.count("its access token ends soon") == 1


def test_a_failed_renewal_is_tried_once_for_all_threads(sandbox, connect):
    sandbox.expire_token(EAST[0])
    sandbox.faults.add("http_502", api=RENEWAL_1688)
    opened = connect()

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(opened.fetch_parcels, order_of(sandbox)) for _ in range(16)]

    assert {type(call.exception()) for call in calls} == {RetryableError}
    assert renewals(sandbox)[EAST[0]] == 3


def test_a_renewal_whose_answer_is_lost_is_asked_for_again(sandbox, connect):
    sandbox.expire_token(EAST[0])
    sandbox.faults.add("reset", api=RENEWAL_1688, times=1)

    assert connect().fetch_parcels(order_of(sandbox))

    assert [kind for kind, _ in outcomes(sandbox)] == ["call", "renewal", "renewal", "call"]


def test_four_lanes_of_an_app_renew_each_token_once(sandbox, connect):
    orders = {name: [each.order_id for each in sandbox.world.orders(name)] for name in EAST}
    lanes = {name: connect(name) for name in EAST}
    work = [(name, order) for name in EAST for order in orders[name]]

    def ask(job: tuple[str, str]) -> int:
        name, order = job
        if order == orders[name][5]:
            sandbox.expire_token(name)
        return len(lanes[name].fetch_parcels(order))

    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(ask, work))

    assert found == [1] * len(work)
    assert renewals(sandbox) == dict.fromkeys(EAST, 1)


def test_four_connections_with_one_pair_renew_it_once(sandbox, connect):
    given = sandbox.connection(EAST[0])["extra"]
    pair = {"access_token": given["access_token"], "refresh_token": given["refresh_token"]}
    lanes = [connect(name, **pair) for name in EAST]
    orders = [each.order_id for each in sandbox.world.orders(EAST[0])]
    sandbox.expire_token(EAST[0])

    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda lane: lane.fetch_parcels(orders[0]), lanes * 8))

    assert len(found) == 32
    assert all(found)
    assert renewals(sandbox) == {EAST[0]: 1}


def test_a_pair_that_an_operator_puts_into_the_connection_wins(sandbox, connect):
    sandbox.expire_token(EAST[0])
    connect().fetch_parcels(order_of(sandbox))
    pasted = sandbox.replace_token(EAST[0])
    sandbox.clear_calls()

    connect(**pasted).fetch_parcels(order_of(sandbox))

    assert outcomes(sandbox) == [("call", "ok")]


@pytest.mark.parametrize("account", [EAST[0], TAOBAO])
def test_a_refresh_token_that_is_replaced_too_is_used_the_next_time(
    account, sandbox, connect, apps
):
    (app,) = (app for app in apps if account in {each.name for each in app.accounts})
    platform = sandbox.taobao if account == TAOBAO else sandbox.platform
    platform.apps[app.key] = replace(app, rotates=True)

    for _ in range(3):
        sandbox.expire_token(account)
        assert connect(account).fetch_parcels(order_of(sandbox, account))

    assert renewals(sandbox) == {account: 3}
