"""The feed of changed orders."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shipment_tracking.errors import RetryableError
from shipment_tracking.platforms.ali1688.feed import OrderFeed

from .orders import ORDER

SINCE = datetime(2026, 9, 20, 2, tzinfo=UTC)
UNTIL = datetime(2026, 9, 20, 3, tzinfo=UTC)


@pytest.fixture
def feed(gateway) -> OrderFeed:
    return OrderFeed(gateway)


def order_list(*order_ids: int, total: int) -> dict[str, Any]:
    rows = [
        {"baseInfo": {"id": order_id, "modifyTime": "20260920101112000+0800"}}
        for order_id in order_ids
    ]
    return {"result": rows, "totalRecord": total, "success": True}


def test_changed_orders_are_asked_for_by_time_without_personal_data(feed, talker):
    talker.says(order_list(total=0))

    assert [dict(page.orders) for page in feed.changed_orders(SINCE, UNTIL)] == [{}]

    ((_, form),) = talker.asked
    assert form["modifyStartTime"] == "20260920100000000+0800"
    assert form["modifyEndTime"] == "20260920110000000+0800"
    assert form["needBuyerAddressAndPhone"] == form["needMemoInfo"] == "false"
    assert "orderStatus" not in form


@pytest.mark.parametrize(
    "spelt",
    ["20260920101112000+0800", "20260920101112000", "2026-09-20 10:11:12", 1789870272000],
)
def test_a_change_has_its_time_in_any_spelling_and_its_order_as_text(feed, talker, spelt):
    base = {"id": 2.9386245545096630e18, "idOfStr": ORDER, "modifyTime": spelt}
    talker.says({"result": [{"baseInfo": base}], "totalRecord": 1})

    (page,) = feed.changed_orders(SINCE, UNTIL)

    assert page.orders == {ORDER: datetime(2026, 9, 20, 2, 11, 12, tzinfo=UTC)}


def test_an_order_that_moves_between_pages_is_seen(feed, talker):
    first, second, third = range(100, 150), range(200, 250), [300]
    talker.says(order_list(*first, total=101))
    talker.says(order_list(*third, total=101))
    # The first order changed again and left the list: each other one moved up.
    talker.says(order_list(*second[1:], 300, total=100))
    talker.says(order_list(*first[1:], 200, total=100))

    pages = list(feed.changed_orders(SINCE, UNTIL))

    assert [form["page"] for _, form in talker.asked] == ["1", "3", "2", "1"]
    assert {order for page in pages for order in page.orders} == {
        str(order) for order in (*first, *second, *third)
    }


def test_a_page_that_is_gone_by_the_time_it_is_asked_for_is_good(feed, talker):
    talker.says(order_list(*range(50), total=51))
    talker.says(order_list(total=50))
    talker.says(order_list(*range(1, 51), total=50))

    pages = list(feed.changed_orders(SINCE, UNTIL))

    assert len({order for page in pages for order in page.orders}) == 51


@pytest.mark.parametrize(
    "body",
    [
        {"result": None, "totalRecord": 3},
        {"result": [], "totalRecord": 3},
        {"result": None, "totalRecord": 0},
        {"result": []},
        {"result": [{"baseInfo": {"id": 1}}], "totalRecord": 1},
        {"result": [{"baseInfo": {"id": 1, "modifyTime": "soon"}}], "totalRecord": 1},
        {"result": ["1"], "totalRecord": 1},
    ],
)
def test_a_list_without_what_it_promises_is_asked_for_again(feed, talker, body):
    talker.says(body)
    talker.says(body)
    talker.says(order_list(7, total=1))

    (page,) = feed.changed_orders(SINCE, UNTIL)

    assert list(page.orders) == ["7"]
    assert len(talker.asked) == 3


def test_a_list_that_stays_without_its_orders_is_no_empty_one(feed, talker):
    talker.says({"result": [], "totalRecord": 3})

    with pytest.raises(RetryableError, match="without its orders"):
        list(feed.changed_orders(SINCE, UNTIL))
