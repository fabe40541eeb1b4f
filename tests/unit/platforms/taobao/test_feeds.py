"""The feeds of changed trades and of messages."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shipment_tracking.errors import RetryableError
from shipment_tracking.platforms.ports import Changes
from shipment_tracking.platforms.taobao.feed import MessageFeed, TradeFeed

from .answers import ORDER

SINCE = datetime(2026, 9, 20, 2, tzinfo=UTC)
UNTIL = datetime(2026, 9, 20, 3, tzinfo=UTC)


@pytest.fixture
def trades(client) -> TradeFeed:
    return TradeFeed(client._gateway)


@pytest.fixture
def messages(client) -> MessageFeed:
    return MessageFeed(client._gateway)


def trade_list(*order_ids: int, total: int) -> dict[str, Any]:
    rows = [{"tid": order_id, "modified": "2026-09-20 10:11:12"} for order_id in order_ids]
    listed = {"trades": {"trade": rows}} if rows else {}
    return {"trades_sold_increment_get_response": {"total_results": total, **listed}}


def queue(*given: dict[str, Any]) -> dict[str, Any]:
    """Messages about scans of the order, unless told otherwise."""
    usual = {
        "topic": "taobao_logistics_LogsticDetailTrace",
        "pub_time": "2026-09-20 10:11:12",
        "content": json.dumps({"tid": int(ORDER), "time": "2026-09-20 10:00:00"}),
    }
    rows = [{"id": number, **usual, **changes} for number, changes in enumerate(given, 1)]
    return {"tmc_messages_consume_response": {"messages": {"tmc_message": rows}} if rows else {}}


def test_changed_trades_are_asked_for_by_time_in_any_status(trades, talker):
    talker.says(trade_list(int(ORDER), total=1))

    (page,) = trades.changed_orders(SINCE, UNTIL)

    assert page.orders == {ORDER: datetime(2026, 9, 20, 2, 11, 12, tzinfo=UTC)}
    ((_, form),) = talker.asked
    assert form["start_modified"] == "2026-09-20 10:00:00"
    assert form["end_modified"] == "2026-09-20 11:00:00"
    assert form["fields"] == "tid,status,modified"


def test_a_trade_that_moves_between_pages_is_seen(trades, talker):
    first, second = range(100, 200), range(200, 300)
    talker.says(trade_list(*first, total=201))
    talker.says(trade_list(300, total=201))
    talker.says(trade_list(*second[1:], 300, total=200))
    talker.says(trade_list(*first[1:], 200, total=200))

    pages = list(trades.changed_orders(SINCE, UNTIL))

    assert [form["page_no"] for _, form in talker.asked] == ["1", "3", "2", "1"]
    assert {order for page in pages for order in page.orders} == {
        str(order) for order in range(100, 301)
    }


def test_trades_that_are_counted_and_not_listed_are_asked_for_again(trades, talker):
    talker.says(trade_list(total=1))

    with pytest.raises(RetryableError, match="without its orders"):
        list(trades.changed_orders(SINCE, UNTIL))

    assert len(talker.asked) == 3


def test_a_page_of_messages_tells_the_newest_scan_of_each_order(messages, talker):
    talker.says(queue({"pub_time": "2026-09-20 10:12:00"}, {}))
    talker.says(queue())

    (page,) = messages.changed_orders(SINCE, UNTIL)

    assert page.orders == {ORDER: datetime(2026, 9, 20, 2, 12, tzinfo=UTC)}
    assert page.receipts == ("1", "2")


def test_the_queue_is_read_until_it_gives_nothing_new(messages, talker):
    talker.says(queue({"id": 1}))
    talker.says(queue({"id": 1}, {"id": 2}))
    talker.says(queue({"id": 1}, {"id": 2}))

    pages = list(messages.changed_orders(SINCE, UNTIL))

    assert [page.receipts for page in pages] == [("1",), ("1", "2")]
    assert len(talker.asked) == 3


def test_nothing_is_confirmed_before_it_is_told_to(messages, talker, asked):
    talker.says(queue({}))

    (page,) = messages.changed_orders(SINCE, UNTIL)
    assert set(asked()) == {"taobao.tmc.messages.consume"}

    talker.answers.clear()
    talker.says({"tmc_messages_confirm_response": {"is_success": True}})
    messages.confirm(page)
    assert talker.asked[-1][1]["s_message_ids"] == "1"


def test_a_confirmation_that_is_refused_is_an_error(messages, talker):
    talker.says({"tmc_messages_confirm_response": {"is_success": False}})

    with pytest.raises(RetryableError, match="could not be confirmed"):
        messages.confirm(Changes({}, ("1",)))


def test_messages_of_other_topics_are_left_to_their_readers(messages, talker):
    talker.says(queue({"topic": "taobao_trade_TradeChanged"}))

    (page,) = messages.changed_orders(SINCE, UNTIL)

    assert page == Changes({}, ())
    messages.confirm(page)
    assert {form["method"] for _, form in talker.asked} == {"taobao.tmc.messages.consume"}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"tid": "x"}', None])
def test_an_unreadable_message_is_confirmed_and_stops_no_other(messages, talker, content):
    talker.says(queue({"content": content}, {}))

    page = next(messages.changed_orders(SINCE, UNTIL))

    assert list(page.orders) == [ORDER]
    assert page.receipts == ("1", "2")


def test_a_queue_whose_messages_have_no_id_is_not_read(messages, talker):
    talker.says({"tmc_messages_consume_response": {"messages": {"tmc_message": [{"topic": "t"}]}}})

    with pytest.raises(RetryableError, match="not a queue of TOP"):
        list(messages.changed_orders(SINCE, UNTIL))
