"""Each number of the board is the length of the list behind it; lists are filtered and sorted."""

import re
from html import unescape

import pytest

from tests import factories


@pytest.fixture
def shop(warehouse, at):
    """Orders of two accounts, of several stages and ages, with what needs attention."""
    for number, (status, days, changes) in enumerate(
        [
            ("in_transit", 0.5, {}),
            ("in_transit", 2, {"next_poll_at": at(hours=-1), "parcels_asked_at": at(hours=-9)}),
            ("in_transit", 9, {"last_error": "gone"}),
            ("exception", 4, {}),
            ("returned", 4, {}),
            ("pending", None, {"ask_parcels_at": at(hours=-1)}),
        ],
        start=1,
    ):
        account = f"account_{number % 2}"
        order_id = factories.order(warehouse, number, status=status, account=account, **changes)
        shipped_at = None if days is None else at(days=-days)
        factories.erp_row(
            warehouse, order_id, number, status=status, account=account, shipped_at=shipped_at
        )
        shipment_id = factories.shipment(
            warehouse, order_id, number, status=status, account=account
        )
        state = "dead" if number > 2 else "pending"
        event = factories.status_change(warehouse, shipment_id, status, at())
        factories.notification(warehouse, shipment_id, event, status, at(), state=state)
        if number == 4:
            factories.insert(
                warehouse,
                "stall",
                shipment_id=shipment_id,
                stage="exception",
                since=at(),
                threshold_hours=0,
                opened_at=at(),
            )
        if number > 4:
            quarantined_at = at() if number == 5 else None
            factories.trace_reply(
                warehouse, order_id, "{}", at(), loaded_at=None, quarantined_at=quarantined_at
            )
    closed = factories.order(warehouse, 7, closed_at=at())
    factories.erp_row(warehouse, closed, 7, closed_at=at(), close_reason="signed")
    stopped = factories.order(warehouse, 8, closed_at=at())
    factories.erp_row(warehouse, stopped, 8, closed_at=at(), close_reason="stopped")


def links(text: str) -> dict[str, int]:
    """The addresses of a page's numbers."""
    found = re.findall(r'<a href="\./((?:orders|notices)\?[^"]*)">(?:<b>)?(\d+)', text)
    return {unescape(address): int(number) for address, number in found}


def total(client, address: str) -> int:
    found = re.search(r"<span>([\d,]+) rows</span>", client.get(address).text)
    return int(found[1]) if found else 0


def test_each_number_of_the_board_is_the_length_of_its_list(client, shop):
    found = links(client().get("board").text)

    assert len(found) > 12
    assert {address: total(client(), address) for address in found} == found
    assert found["orders?scope=stalled"] == 1
    assert found["orders?scope=exceptions"] == 2
    assert found["orders?scope=due"] == 2
    assert found["orders?scope=problems"] == 1
    assert found["orders?scope=stopped"] == 1
    assert found["orders?scope=unloaded"] == 1
    assert found["orders?scope=quarantined"] == 1
    assert found["orders?scope=open"] == 6
    assert found["notices?state=pending"] == 2
    assert found["notices?state=dead"] == 4


def test_the_numbers_of_one_account_are_those_of_its_lists(client, shop):
    found = links(client().get("board?account=account_0").text)

    of_account = {address: number for address, number in found.items() if "account_0" in address}
    assert of_account["orders?scope=open&account=account_0"] == 3
    assert of_account["notices?state=dead&account=account_0"] == 2
    assert {address: total(client(), address) for address in of_account} == of_account


def keys(text: str) -> list[str]:
    return re.findall(r">(SO\d+)<", text)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sort=key&down=1", ["SO6", "SO5", "SO4", "SO3", "SO2", "SO1"]),
        ("", ["SO3", "SO4", "SO5", "SO2", "SO1", "SO6"]),
        ("status=in_transit&age=older", ["SO3"]),
        ("age=undated", ["SO6"]),
        ("age=week&sort=key", ["SO4", "SO5"]),
        ("account=account_1&sort=key", ["SO1", "SO3", "SO5"]),
        ("scope=stopped", ["SO8"]),
        ("scope=x&sort=x&status=x&age=x", ["SO3", "SO4", "SO5"]),
    ],
)
def test_a_list_is_filtered_and_sorted(client, shop, query, expected):
    assert keys(client().get(f"orders?{query}").text)[: len(expected)] == expected


def test_an_export_holds_all_pages_of_its_list(client, warehouse):
    order_id = factories.order(warehouse)
    for number in range(60):
        factories.erp_row(warehouse, order_id, number)

    first = client().get("orders?sort=key").text
    second = client().get("orders?sort=key&page=2").text
    export = client().get("orders.csv?sort=key&page=2").text

    assert (len(keys(first)), len(keys(second))) == (50, 10)
    assert "page=2" in first
    assert len(export.splitlines()) == 61


def test_dead_notices_are_listed_with_their_error(client, story):
    text = client().get("notices?state=dead").text

    assert "ops/phone" in text
    assert "HTTP 404" in text
    assert f"acts/requeue/{story['notice']}" in text
    assert "acts/" not in client("vera").get("notices").text
    assert "empty" in client().get("notices?state=pending").text
    assert "empty" in client().get("notices?channel=ops/other").text


def test_health_shows_alerts_runs_quota_channels_and_tokens(client, story, warehouse, insert, at):
    factories.run(warehouse, "r1", at(hours=-1), polled=17)
    for name, values in {
        "api_usage": {"run_id": "r1", "account": "platform_1688", "api": "a", "outcome": "ok"}
        | {"calls": 40, "seconds": 1},
        "api_quota": {"gateway": "https://gw", "app_key": "12345678", "share": "all"}
        | {"spacing": 1.04, "next_at": at()},
        "api_quota_account": {"gateway": "https://gw", "app_key": "12345678", "qps": 1}
        | {"account": "platform_1688", "seen_at": at()},
        "token": {"pair": "p", "account": "platform_1688", "stored_at": at()}
        | {"refresh_expires_at": at(days=3)},
    }.items():
        insert(name, **values)

    text = client().get("health").text

    for shown in ("ops/phone", "…5678", "83,036", "2026-03-05 12:00", ">17<"):
        assert shown in text, shown
    assert "12345678" not in text


def test_charts_have_a_bar_for_each_number(client, story, warehouse, at):
    # Signed before it was first seen: that delay is not ours.
    factories.status_change(
        warehouse,
        story["shipment"],
        "signed",
        at(hours=-1),
        from_status="in_transit",
        occurred_at=at(hours=-90),
    )
    signed = factories.shipment(
        warehouse,
        story["order"],
        3,
        status="signed",
        first_event_at=at(hours=-50),
        signed_at=at(hours=-2),
        sign_confirmed_at=at(hours=-1),
    )
    factories.status_change(
        warehouse,
        signed,
        "signed",
        at(hours=-1),
        from_status="in_transit",
        occurred_at=at(hours=-2),
    )

    text = client().get("charts").text

    assert ": 48</title>" in text
    assert ": 60</title>" in text


def test_a_warehouse_without_tables_is_named(new_database):
    from fastapi.testclient import TestClient

    from tests.conftest import open_engine
    from tests.unit.web.conftest import PREFIX, below_airflow, page_app

    empty = open_engine(new_database())
    browser = TestClient(
        below_airflow(page_app(lambda: empty)), base_url=f"http://airflow.test{PREFIX}"
    )

    reply = browser.get("board", headers={"x-login": "vera"})

    assert reply.status_code == 503
    assert "has no tables of this version" in reply.text
