"""A platform's connection becomes an account and its client; a broken field is named."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import URL

from shipment_tracking.errors import ConnectionFieldError

PLATFORM = {
    "conn_type": "ecommerce_platform",
    "host": "https://gw.open.1688.com",
    "login": "1688000001",
    "password": "HIDDEN-secret",
    "extra": {
        "platform": "1688",
        "dialect": "param2",
        "access_token": "HIDDEN-token",
        "refresh_token": None,
        "qps": 3,
    },
}


def test_a_platform_connection_becomes_an_account_that_never_shows_its_secrets(
    connect: Callable[..., None],
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_1688", PLATFORM)

    account = PlatformHook("platform_1688").account()

    assert account.gateway == "https://gw.open.1688.com"
    assert (account.app_key, account.qps) == ("1688000001", 3.0)
    assert "HIDDEN" not in repr(account)


def test_without_qps_five_calls_a_second_are_allowed(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_1688", PLATFORM, qps=None)

    assert PlatformHook("platform_1688").account().qps == 5.0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"login": ""}, "app key"),
        ({"login": " "}, "app key"),
        ({"password": ""}, "app secret"),
        ({"access_token": None}, "access_token"),
        ({"host": "https://gw.open.1688.com/openapi"}, "without a path"),
        ({"host": "gw.open.1688.com"}, "without a path"),
        ({"host": ""}, "gateway"),
        ({"host": "https://gw:abc"}, "without a path"),
        ({"host": "https://[gw"}, "without a path"),
        ({"host": "https://gw.open.1688.com?x=1"}, "without a path"),
        ({"host": "https://user@gw.open.1688.com"}, "without a path"),
        ({"dialect": "soap"}, "dialect is 'soap'"),
        ({"platform": None}, "platform is missing; it must be one of the texts '1688', 'taobao'"),
        ({"platform": "taobao"}, "platform is 'taobao', not one of the texts '1688' of the dialec"),
        ({"qps": "many"}, "qps is 'many'"),
        ({"qps": 0}, "qps is 0"),
        ({"qps": 1e-9}, "qps is 1e-09; it must be a number of calls per second, 0.01 or more"),
        ({"dialect": "top"}, "platform is '1688', not one of the texts 'taobao', 'tmall'"),
        ({"platform": 1688}, "platform is 1688, not one of the texts '1688'"),
        ({"dialect": "router", "access_token": ""}, "access_token"),
        ({"sign_method": "sha1"}, "sign_method is 'sha1'"),
        ({"acces_token": "x"}, "acces_token"),
        ({"feed": "messages"}, "feed is 'messages'; the dialect param2 has orders, or leave it"),
        ({"dialect": "router", "feed": "orders"}, "the dialect router has none: leave it empty"),
        ({"conn_type": "http"}, "of type http"),
    ],
)
def test_a_broken_field_is_named_with_its_connection(
    connect: Callable[..., None], changes: dict[str, Any], named: str
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_1688", PLATFORM, **changes)

    with pytest.raises(ConnectionFieldError, match="connection platform_1688") as caught:
        PlatformHook("platform_1688").account()

    assert named in str(caught.value)
    assert "HIDDEN" not in str(caught.value)


@pytest.mark.parametrize(
    ("platform", "dialect"), [("1688", "param2"), ("taobao", "top"), ("tmall", "top")]
)
def test_without_a_dialect_the_platforms_official_one_is_spoken(
    connect: Callable[..., None], platform: str, dialect: str
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_1688", PLATFORM, platform=platform, dialect=None)

    assert PlatformHook("platform_1688").account().dialect == dialect


@pytest.mark.parametrize("platform", ["taobao", "tmall"])
def test_a_shop_of_taobao_or_tmall_is_reached_by_its_own_protocol(
    connect: Callable[..., None], platform: str
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook
    from shipment_tracking.platforms import dialects
    from shipment_tracking.platforms.taobao.client import TaobaoClient

    shop = {"host": "https://eco.taobao.com", "platform": platform, "dialect": "top"}
    connect("platform_shop", PLATFORM, **shop)
    connect("platform_old_shop", PLATFORM, **shop, sign_method="md5")

    account = PlatformHook("platform_shop").account()

    assert (account.platform, account.gateway) == (platform, "https://eco.taobao.com")
    assert dialects.DIALECTS[account.dialect].client is TaobaoClient
    assert account.sign_method == "hmac-sha256"
    assert account.feed == ""
    assert PlatformHook("platform_old_shop").account().sign_method == "md5"


def test_a_router_is_spoken_to_without_a_session_where_it_asks_for_none(
    connect: Callable[..., None],
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_shop", PLATFORM, platform="tmall", dialect="router", access_token=None)
    connect("platform_buyer", PLATFORM, dialect="router")

    assert PlatformHook("platform_shop").account().access_token == ""
    assert PlatformHook("platform_buyer").account().access_token == "HIDDEN-token"


def test_an_account_is_a_connection_of_our_type(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.platform_hook import is_account

    connect("platform_1688", PLATFORM)
    connect("elsewhere", PLATFORM, conn_type="http")

    assert is_account("platform_1688")
    assert not is_account("elsewhere")
    assert not is_account("nowhere")


def test_a_simulated_clock_is_refused_beside_a_real_gateway(
    connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    monkeypatch.setenv("SHIPMENT_TRACKING_CLOCK_URL", "http://127.0.0.1:1/clock")
    connect("platform_1688", PLATFORM)
    connect("sandbox", PLATFORM, host="http://127.0.0.1:8688")

    assert PlatformHook("sandbox").account().gateway == "http://127.0.0.1:8688"
    with pytest.raises(ConnectionFieldError, match="SHIPMENT_TRACKING_CLOCK_URL"):
        PlatformHook("platform_1688").account()


def test_airflow_offers_the_connection_type_with_its_form(airflow_database: URL) -> None:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    from shipment_tracking.hooks.platform_hook import EXTRA_FIELDS, PlatformHook
    from shipment_tracking.provider import get_provider_info

    assert PlatformHook.conn_type in ProvidersManagerTaskRuntime().hooks
    (form,) = get_provider_info()["connection-types"]
    assert form["hook-class-name"].endswith(PlatformHook.__name__)
    assert tuple(form["conn-fields"]) == EXTRA_FIELDS
    assert all(field["description"] for field in form["conn-fields"].values())


def test_the_form_offers_what_the_hook_takes() -> None:
    from shipment_tracking.platforms.dialects import DIALECTS
    from shipment_tracking.platforms.taobao.api import SIGN_METHODS
    from shipment_tracking.provider import get_provider_info

    (form,) = get_provider_info()["connection-types"]
    offered = {name: field["schema"].get("enum") for name, field in form["conn-fields"].items()}

    dialects = DIALECTS.values()
    assert set(offered["platform"]) == {name for each in dialects for name in each.platforms}
    assert offered["dialect"] == list(DIALECTS)
    assert offered["sign_method"] == list(SIGN_METHODS)
    assert set(offered["feed"]) == {feed for each in dialects for feed in each.feeds}


@pytest.mark.parametrize("key", ["", "{FERNET_KEY}"])
def test_without_a_fernet_key_no_token_is_stored(
    connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    from shipment_tracking.hooks.platform_hook import token_cipher

    # What a task sees where nobody set a key is the placeholder of Airflow's default.
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)

    assert token_cipher() is None


def test_tokens_are_stored_under_airflows_key(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.platform_hook import token_cipher

    cipher = token_cipher()
    assert cipher is not None
    secret = cipher.encrypt(b"token")

    assert b"token" not in secret
    assert cipher.decrypt(secret) == b"token"
    assert cipher.decrypt(b"written under another key") is None


@pytest.mark.parametrize(
    ("host", "port", "gateway"),
    [
        ("https://gw.example", 443, "https://gw.example"),
        ("https://gw.example:443", None, "https://gw.example"),
        ("https://gw.example", 8443, "https://gw.example:8443"),
        ("http://gw.example:8080", 8080, "http://gw.example:8080"),
        ("https://gw.example", 0, "https://gw.example"),
    ],
)
def test_n3_a_gateway_is_the_same_with_its_usual_port_or_none(
    connect: Callable[..., None], host: str, port: int | None, gateway: str
) -> None:
    from shipment_tracking.hooks.platform_hook import PlatformHook

    connect("platform_1688", PLATFORM | {"host": host, "port": port})

    assert PlatformHook("platform_1688").account().gateway == gateway
