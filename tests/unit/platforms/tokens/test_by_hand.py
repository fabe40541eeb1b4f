"""A token that only a person can renew, and what the person is told."""

import logging
from dataclasses import replace

import pytest

from shipment_tracking.errors import AuthError, TokenError

from .calls import EAST, TAOBAO, order_of, outcomes, renewals


def test_a_refused_refresh_token_is_tried_once_and_needs_a_person(sandbox, connect):
    opened = connect(refresh_token="spent")
    sandbox.expire_token(EAST[0])

    for _ in range(2):
        with pytest.raises(TokenError) as raised:
            opened.fetch_parcels(order_of(sandbox))

    told = str(raised.value)
    assert told.startswith("platform_1688: alibaba.trade.getLogisticsInfos.buyerView: the refresh")
    assert "https://auth.1688.com/oauth/authorize?client_id=1688100001&site=1688" in told
    assert "redirect_uri" in told
    assert "connection (field Access token" in told
    assert [kind for kind, _ in outcomes(sandbox)] == ["call", "renewal", "call"]


def test_a_session_that_the_platform_does_not_renew_needs_a_person(sandbox, connect):
    sandbox.expire_token(TAOBAO)

    with pytest.raises(TokenError, match="the session cannot be renewed") as raised:
        connect(TAOBAO, refresh_token="spent").fetch_parcels(order_of(sandbox, TAOBAO))

    assert "https://oauth.taobao.com/authorize?response_type=code&client_id=" in str(raised.value)


def test_without_a_refresh_token_the_authorisation_page_is_told(sandbox, connect):
    sandbox.expire_token(EAST[0])

    with pytest.raises(TokenError, match=r"authorise the account again at https://auth\.1688\.com"):
        connect(refresh_token=None).fetch_parcels(order_of(sandbox))

    assert outcomes(sandbox) == [("call", "401")]


def test_without_a_key_to_store_under_nothing_is_renewed(sandbox, connect):
    sandbox.expire_token(EAST[0])

    with pytest.raises(TokenError, match="AIRFLOW__CORE__FERNET_KEY is empty"):
        connect(store=None).fetch_parcels(order_of(sandbox))

    assert renewals(sandbox) == {}


def test_a_wrong_secret_is_called_that_and_not_a_spent_token(sandbox, connect, apps, clock):
    sandbox.expire_token(EAST[0])
    connect().fetch_parcels(order_of(sandbox))
    platform = sandbox.platform
    platform.apps[apps[0].key] = replace(apps[0], secret="changed in the console")
    clock.advance(minutes=11 * 60)

    with pytest.raises(AuthError, match="secret"):
        connect().fetch_parcels(order_of(sandbox))


def test_a_refresh_token_that_ends_within_a_week_is_told_of(sandbox, connect, apps, clock):
    sandbox.platform.apps[apps[0].key] = replace(apps[0], rotates=True, refresh_days=9)
    sandbox.expire_token(EAST[0])
    opened = connect()
    opened.fetch_parcels(order_of(sandbox))
    assert opened.warnings() == []

    clock.advance(minutes=3 * 24 * 60)

    (warning,) = opened.warnings()
    assert "refresh token of platform_1688 ends on 2026-03-15" in warning
    assert "https://auth.1688.com/oauth/authorize" in warning


def test_nothing_of_a_pair_is_shown(caplog, sandbox, connect):
    caplog.set_level(logging.DEBUG)
    opened = connect(refresh_token="refresh-of-the-test")
    sandbox.expire_token(EAST[0])

    with pytest.raises(TokenError) as raised:
        opened.fetch_parcels(order_of(sandbox))

    shown = f"{raised.value!r}{caplog.text}{opened._gateway._tokens._pair!r}"
    for secret in (opened.account.access_token, opened.account.app_secret, "refresh-of-the-test"):
        assert secret not in shown
