"""An access token that ends is replaced once for all who use it, and kept before it is used."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Engine, text

from sandbox.clock import Clock
from sandbox.defaults import App, apps_for
from sandbox.platform_1688 import OAUTH as RENEWAL_1688
from sandbox.platform_taobao import REFRESH as RENEWAL_TAOBAO
from sandbox.server import Sandbox
from sandbox.world import World
from shipment_tracking.errors import AuthError, RetryableError, TokenError
from shipment_tracking.platforms import ali1688, taobao
from shipment_tracking.platforms.dialects import OAUTHS, client
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import Account, PlatformClient, TokenPair
from shipment_tracking.platforms.tokens import OAuth, Tokens
from shipment_tracking.warehouse.quota import Quota
from shipment_tracking.warehouse.tokens import WarehouseTokens

REPLIES = Path(__file__).parents[2] / "replies"
START = datetime(2026, 3, 2, tzinfo=UTC)
SHIPPED = START + timedelta(days=4)
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


@pytest.fixture
def cipher() -> Cipher:
    return Cipher()


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(SHIPPED)


@pytest.fixture
def apps() -> list[App]:
    """Four accounts of one app of 1688, one of Taobao."""
    first, second, third, shop = apps_for(("platform_1688", *EAST[1:], TAOBAO), qps=None)
    accounts = (*first.accounts, *second.accounts, *third.accounts)
    return [replace(first, accounts=accounts), shop]


@pytest.fixture
def sandbox(clock: Clock, apps: list[App]) -> Iterator[Sandbox]:
    world = World(3, START, dict.fromkeys((*EAST, TAOBAO), 12), stories={"signed_by_self": 1})
    with Sandbox(world, clock, apps, token_hours=10) as running:
        yield running


@pytest.fixture
def connect(
    sandbox: Sandbox,
    quotas: Engine,
    cipher: Cipher,
    clock: Clock,
    account_of: Callable[..., Account],
) -> Iterator[Callable[..., PlatformClient]]:
    """A client as another process would open it; keywords change fields of the connection."""
    opened: list[PlatformClient] = []
    usual = WarehouseTokens(quotas, cipher)

    def make(
        account: str = EAST[0],
        *,
        store: WarehouseTokens | None = usual,
        **changes: Any,
    ) -> PlatformClient:
        pasted = {"refresh_token": sandbox.connection(account)["extra"]["refresh_token"]}
        found = account_of(sandbox, account, **pasted | changes)
        quota = Quota(
            quotas, gateway=found.gateway, app_key=found.app_key, account=account, qps=1000
        )
        tokens = Tokens(found, OAUTHS[found.dialect], store, clock=clock.now)
        opened.append(client(Gateway(found, quota, tokens, sleep=lambda seconds: None)))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def order_of(sandbox: Sandbox, account: str = EAST[0]) -> str:
    return next(sandbox.world.orders(account)).order_id


def outcomes(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Renewals and what became of each other call, in turn."""
    return [("renewal" if call.api in RENEWALS else "call", call.outcome) for call in sandbox.calls]


def renewals(sandbox: Sandbox) -> Counter[str]:
    """How often the pair of each account was renewed."""
    return Counter(call.account for call in sandbox.calls if call.api in RENEWALS)


@pytest.mark.parametrize(("account", "refusal"), [(EAST[0], "401"), (TAOBAO, "session-expired")])
def test_a_token_that_is_refused_is_renewed_and_the_call_goes_on(
    account, refusal, sandbox, connect
):
    opened = connect(account)
    sandbox.expire_token(account)

    assert opened.fetch_parcels(order_of(sandbox, account))

    assert outcomes(sandbox) == [("call", refusal), ("renewal", "ok"), ("call", "ok")]
    assert {usage.outcome for usage in opened.drain_usage()} == {"ok", "auth"}


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


def test_a_platform_that_does_not_renew_now_is_left_alone_while_the_token_is_good(
    sandbox, connect, clock, cipher, quotas, caplog
):
    caplog.set_level(logging.WARNING)
    sandbox.expire_token(EAST[0])
    account = connect().account
    connect().fetch_parcels(order_of(sandbox))
    clock.advance(minutes=9.9 * 60)
    tokens = Tokens(account, ali1688.OAUTH, WarehouseTokens(quotas, cipher), clock=clock.now)
    asked: list[str] = []

    def be_away(oauth: OAuth, refresh_token: str) -> TokenPair:
        asked.append(refresh_token)
        raise RetryableError("HTTP 502")

    used = {tokens.access_token(be_away) for _ in range(5)}

    assert used != {account.access_token}
    assert len(used) == len(asked) == 1
    assert caplog.text.count("its access token ends soon") == 1


def test_a_platform_that_does_not_renew_now_is_asked_once_for_all_threads(sandbox, connect):
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


def test_four_lanes_of_one_app_renew_each_token_once_and_lose_no_order(sandbox, connect):
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


def test_a_new_pair_is_never_used_before_it_is_stored(sandbox, connect, quotas, cipher):
    class Full(WarehouseTokens):
        def store(self, key: str, pair: object) -> bool:
            raise OSError("no space left")

    sandbox.expire_token(EAST[0])

    with pytest.raises(OSError, match="no space"):
        connect(store=Full(quotas, cipher)).fetch_parcels(order_of(sandbox))

    assert outcomes(sandbox) == [("call", "401"), ("renewal", "ok")]


def test_one_who_stood_still_while_renewing_does_not_undo_what_others_renewed(
    sandbox, connect, quotas, cipher
):
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


def test_a_refresh_token_that_is_no_good_needs_a_person_and_is_tried_once(sandbox, connect):
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


def test_without_a_refresh_token_the_page_to_authorise_on_is_told_at_once(sandbox, connect):
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


def test_stored_tokens_are_left_alone_when_the_key_was_changed(sandbox, connect, quotas, caplog):
    caplog.set_level(logging.WARNING)
    sandbox.expire_token(EAST[0])
    connect().fetch_parcels(order_of(sandbox))
    sandbox.clear_calls()

    connect(store=WarehouseTokens(quotas, Cipher())).fetch_parcels(order_of(sandbox))

    assert outcomes(sandbox) == [("call", "401"), ("renewal", "ok"), ("call", "ok")]
    assert "Fernet key was changed" in caplog.text


def test_one_who_died_while_renewing_holds_the_others_up_for_a_lease_only(
    sandbox, connect, quotas, cipher
):
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


def recorded(name: str) -> dict[str, Any]:
    return json.loads((REPLIES / f"{name}.json").read_text(encoding="utf-8"))


def test_the_lives_of_a_pair_are_read_in_all_their_spellings():
    body = recorded("1688_oauth_token_ok")["body"]

    pair = ali1688.read_refresh(200, body, START)

    assert pair.expires_at == START + timedelta(hours=10)
    assert pair.refresh_expires_at == datetime(2026, 10, 14, 12, 3, 39, tzinfo=UTC)
    older = ali1688.read_refresh(
        200, body | {"refresh_token_timeout": "20121222222222+0800"}, START
    )
    assert older.refresh_expires_at == datetime(2012, 12, 22, 14, 22, 22, tzinfo=UTC)


@pytest.mark.parametrize("end", ["2026-12-22 24:00:00", "soon", "", None])
def test_a_pair_is_not_lost_over_an_end_that_cannot_be_read(end):
    body = recorded("1688_oauth_token_ok")["body"] | {"refresh_token_timeout": end}

    pair = ali1688.read_refresh(200, body, START)

    assert pair.access_token
    assert pair.refresh_expires_at is None


def test_a_renewal_may_leave_the_refresh_token_out():
    pair = ali1688.read_refresh(200, recorded("1688_oauth_refresh_ok")["body"], START)

    assert pair.access_token == "a2222222-b0b1-4f73-a5de-9bed637e0188"
    assert (pair.refresh_token, pair.refresh_expires_at) == (None, None)


def test_a_refused_renewal_has_an_envelope_of_its_own():
    reply = recorded("1688_oauth_invalid_grant")

    with pytest.raises(TokenError, match="refresh token expired"):
        ali1688.read_refresh(reply["_http_status"], reply["body"], START)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (ali1688.read_refresh, {"expires_in": "36000"}),
        (taobao.read_refresh, {"top_auth_token_refresh_response": {"token_result": "{"}}),
        (taobao.read_refresh, {"top_auth_token_refresh_response": {"request_id": "r"}}),
    ],
)
def test_an_answer_without_a_token_is_passing_trouble(read, body):
    with pytest.raises(RetryableError):
        read(200, body, START)


def test_nothing_of_a_pair_is_shown(caplog, sandbox, connect):
    caplog.set_level(logging.DEBUG)
    opened = connect(refresh_token="refresh-of-the-test")
    sandbox.expire_token(EAST[0])

    with pytest.raises(TokenError) as raised:
        opened.fetch_parcels(order_of(sandbox))

    shown = f"{raised.value!r}{caplog.text}{opened._gateway._tokens._pair!r}"
    for secret in (opened.account.access_token, opened.account.app_secret, "refresh-of-the-test"):
        assert secret not in shown
