"""Changed trades and the queue of messages."""

import json
from datetime import timedelta

import pytest
import requests

from sandbox.platform_taobao import CONFIRM, CONSUME, TRADES

from .calls import SHANGHAI, Call, refusal


def trades(call: Call, **changes: str | None) -> requests.Response:
    params = {
        "fields": "tid,status,modified",
        "start_modified": "2026-03-04 08:00:00",
        "end_modified": "2026-03-05 08:00:00",
    }
    return call(TRADES, **params | changes)


def rows_of(reply: requests.Response) -> list[dict[str, str]]:
    answer = reply.json()["trades_sold_increment_get_response"]
    return answer.get("trades", {}).get("trade", [])


def test_changed_trades_come_newest_first_in_pages(call, world, clock):
    now = clock.now()
    expected = [
        order.order_id
        for order in sorted(
            world.orders("platform_taobao"),
            key=lambda order: (order.modified(now), order.order_id),
            reverse=True,
        )
        if not order.refusal and now - timedelta(days=1) <= order.modified(now)
    ]

    pages = [rows_of(trades(call, page_size="5", page_no=str(page))) for page in (1, 2)]

    assert [str(row["tid"]) for page in pages for row in page] == expected[:10]
    assert set(pages[0][0]) == {"tid", "status", "modified"}
    total = trades(call).json()["trades_sold_increment_get_response"]["total_results"]
    assert total == len(expected)
    more = trades(call, use_has_next="true", page_size="5")
    assert more.json()["trades_sold_increment_get_response"]["has_next"] is True


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"start_modified": "2026-03-04 07:59:59"}, 41),
        ({"page_size": "101"}, 41),
        ({"end_modified": "soon"}, 41),
        ({"start_modified": None}, 40),
        ({"fields": None}, 40),
    ],
)
def test_trades_asked_for_otherwise_are_refused(call, changes, code):
    assert refusal(trades(call, **changes))[0] == code


def consumed(call: Call, **changes: str) -> list[dict[str, str]]:
    answer = call(CONSUME, **{"quantity": "200"} | changes).json()["tmc_messages_consume_response"]
    return answer.get("messages", {}).get("tmc_message", [])


def test_a_message_of_each_scan_of_a_day_comes_until_it_is_confirmed(call, world, clock):
    now = clock.now()
    scans = [
        step.published_at
        for account in ("platform_taobao", "platform_tmall_flagship")
        for order in world.orders(account)
        if not order.refusal
        for parcel in order.parcels
        for step in parcel.steps
        if now - timedelta(days=1) <= step.published_at <= now
    ]

    first = consumed(call, quantity="3")
    assert first == consumed(call, quantity="3")
    assert json.loads(first[0]["content"]).keys() >= {"tid", "time", "desc", "action", "out_sid"}
    assert first[0]["pub_time"] == f"{min(scans).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"

    ids = ",".join(str(message["id"]) for message in first)
    reply = call(CONFIRM, s_message_ids=ids).json()
    assert reply["tmc_messages_confirm_response"]["is_success"] is True

    left = {message["id"] for message in consumed(call)}
    assert not left & {message["id"] for message in first}
    assert len(left) == min(200, len(scans) - 3)


def test_the_queue_is_the_apps_whichever_of_its_accounts_asks(call):
    other = consumed(call, account="platform_tmall_flagship")

    assert consumed(call) == other
    assert {message["user_nick"] for message in other} == {
        "platform_taobao",
        "platform_tmall_flagship",
    }


@pytest.mark.parametrize(
    ("api", "params", "code"),
    [
        (CONSUME, {"quantity": "201"}, 41),
        (CONFIRM, {}, 40),
        (CONFIRM, {"s_message_ids": "a"}, 41),
    ],
)
def test_a_queue_asked_otherwise_refuses(call, api, params, code):
    assert refusal(call(api, **params))[0] == code
