"""The stand-in router is strict with everybody but the articles' own clients."""

import time
import urllib.parse
from dataclasses import replace

import pytest
import requests

from sandbox.defaults import apps_for
from sandbox.platform_router import ORDER_STATUS, ROUTER_PATHS, WAYBILLS
from sandbox.server import Sandbox
from sandbox.world import dialect_of, platform_of

from .article import ACCOUNTS, ArticlesClient, refusal


def test_a_wrong_secret_is_refused_by_both_forms(client, ask_status, story):
    order = story("signed_by_self", "platform_router_taobao")

    assert refusal(client("another-secret").call(WAYBILLS, {"orderId": "1"})) == 25
    assert refusal(ask_status(order.order_id, "another-secret")) == 25


def test_param2_must_be_encoded_before_it_is_signed(client, story):
    order = story("signed_by_self")
    plain = f'{{"orderId": "{order.order_id}"}}'

    assert refusal(client(param2=plain).call(WAYBILLS, {})) == 40
    assert refusal(client(param2=urllib.parse.quote(plain)).call(WAYBILLS, {})) == 40
    assert client(param2=urllib.parse.quote_plus(plain)).result(WAYBILLS, {})["logisticsOrders"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": "alibaba.logistics.order.get"}, 22),
        ({"method": ORDER_STATUS}, 22),
        ({"app_key": "1"}, 29),
        ({"format": "xml"}, 23),
        ({"timestamp": "2026-03-02 12:00:00"}, 31),
        ({"timestamp": str(int((time.time() - 3600) * 1000))}, 31),
        ({"v": "1.0"}, 33),
        ({"sign_method": "hmac"}, 25),
        ({"session": None}, 26),
        ({"session": "another"}, 27),
    ],
)
def test_what_the_gateway_refuses_of_the_1688_form(changes, code, client):
    assert refusal(client(**changes).call(WAYBILLS, {"orderId": "1"})) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": WAYBILLS}, 22),
        ({"timestamp": "2026-03-02 12:00:00"}, 31),
        ({"timestamp": str(int(time.time() * 1000))}, 31),
        ({"v": "1.0"}, 33),
        ({"order_id": ""}, 40),
    ],
)
def test_what_the_gateway_refuses_of_the_taobao_form(changes, code, ask_status):
    assert refusal(ask_status(**{"order_id": "1"} | changes)) == code


def test_a_form_is_not_read(sandbox):
    reply = requests.post(f"{sandbox.url}{ROUTER_PATHS[WAYBILLS]}", data={"method": WAYBILLS})

    assert reply.status_code == 405


def test_a_session_ends_and_only_the_form_that_has_one_minds(sandbox, client, ask_status, story):
    order = story("signed_by_self", "platform_router_taobao")
    sandbox.expire_token("platform_router")
    sandbox.expire_token("platform_router_taobao")

    assert refusal(client().call(WAYBILLS, {"orderId": "1"})) == 27
    assert ask_status(order.order_id).json().keys() == {"status"}


def test_an_app_without_a_package_is_refused(sandbox, client, ask_status):
    for key, app in sandbox.router.apps.items():
        denied = frozenset({WAYBILLS, ORDER_STATUS})
        sandbox.router.apps[key] = replace(app, denied=denied)

    assert refusal(client().call(WAYBILLS, {"orderId": "1"})) == 11
    assert refusal(ask_status("1")) == 11


@pytest.mark.server
def test_who_asks_too_fast_gets_http_429(world, clock):
    apps = tuple(replace(app, qps=1) for app in apps_for(list(ACCOUNTS)))
    with Sandbox(world, clock, apps, token_hours=None) as sandbox:
        given = sandbox.connection("platform_router")
        asking = ArticlesClient(
            f"{sandbox.url}/openapi/http/2/1",
            given["login"],
            given["password"],
            given["extra"]["access_token"],
        )
        replies = [asking.call(WAYBILLS, {"orderId": "1"}).status_code for _ in range(3)]

        assert 429 in replies
        assert sandbox.usage()["refused_by_quota"][given["login"]] >= 1


def test_an_account_is_named_after_its_dialect_and_platform(sandbox):
    named = {
        "platform_1688_east": ("param2", "1688"),
        "platform_tmall": ("top", "tmall"),
        "platform_router": ("router", "1688"),
        "platform_router_b": ("router", "1688"),
        "platform_router_taobao": ("router", "taobao"),
        "platform_router_tmall_b": ("router", "tmall"),
    }

    assert {name: (dialect_of(name), platform_of(name)) for name in named} == named
    for account in ACCOUNTS:
        extra = sandbox.connection(account)["extra"]
        assert (extra["dialect"], extra["platform"]) == (dialect_of(account), platform_of(account))
        assert bool(extra["access_token"]) is (platform_of(account) == "1688")
