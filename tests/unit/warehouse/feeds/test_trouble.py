"""A feed that fails, dies, is left behind or is given up."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from sandbox.platform_1688 import ORDERS
from sandbox.platform_taobao import CONFIRM, CONSUME, TRACE_GET
from shipment_tracking.platforms.ports import ChangeFeed, Changes
from shipment_tracking.warehouse import feeds

from .state import BUDGET, BUYER, SELLER, feed_of, known, settle, unconfirmed


class Dying:
    """A feed whose process dies after the commit, before the confirmation."""

    longest = timedelta(days=2)
    platforms: tuple[str, ...] = ("taobao", "tmall")
    own_orders = False

    def __init__(self, feed: ChangeFeed) -> None:
        self.feed = feed

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[Changes]:
        return self.feed.changed_orders(since, until)

    def confirm(self, changes: Changes) -> None:
        raise SystemExit


def test_a_message_that_comes_again_after_a_crash_is_harmless(
    live, sandbox, open_client, asked, scanned, select
):
    settle(live)
    dying = Dying(open_client(sandbox, SELLER, feed="messages").feed)
    told: set[str] = set()
    while not told:
        cursor = feed_of(select).cursor_at
        sandbox.clock.advance(minutes=30)
        told = scanned() & known(select)
        if not told:
            live(after=timedelta())
    with pytest.raises(SystemExit):
        live(feed=dying, after=timedelta())
    assert feed_of(select).cursor_at == cursor
    reported = feed_of(select).reported

    live(after=timedelta())

    assert told <= asked(TRACE_GET)
    assert feed_of(select).reported == reported
    assert asked(CONFIRM)
    live(after=timedelta(minutes=1))
    assert not told & asked(TRACE_GET) - unconfirmed(select)


def test_orders_are_polled_as_usual_while_the_feed_fails(live, sandbox, select, asked):
    settle(live)
    far = "count(*) from tracking.tracked_order where next_poll_at > :limit"
    limit = sandbox.clock.now() + timedelta(hours=3)
    assert select(far, limit=limit) != [(0,)]

    sandbox.faults.add("http_500", api=CONSUME)
    counts = live(after=timedelta())

    (warning,) = counts["warnings"]
    assert "the feed cannot be read, orders are polled as without it" in warning
    assert asked(TRACE_GET)
    assert select(far, limit=limit) == [(0,)]
    assert feed_of(select).trusted_since is None
    assert "HTTP 500" in feed_of(select).last_error

    sandbox.faults.clear()
    live(after=timedelta(hours=2))
    assert select(far, limit=sandbox.clock.now() + timedelta(hours=3)) != [(0,)]
    assert feed_of(select).trusted_since == sandbox.clock.now()
    assert feed_of(select).last_error is None


def test_a_confirmation_that_fails_is_a_feed_that_fails(live, sandbox, select):
    settle(live, 1)
    sandbox.faults.add("http_500", api=CONFIRM)

    counts = live(after=timedelta(hours=12))

    assert counts["warnings"]
    assert feed_of(select).trusted_since is None


def test_the_cursor_never_goes_back(live, sandbox, warehouse, open_client, new_run, select):
    live(BUYER, "orders")
    now = sandbox.clock.now()
    client = open_client(sandbox, BUYER, feed="orders")

    feeds.read(warehouse, client, new_run(), now=now - timedelta(minutes=2), budget=BUDGET)

    assert feed_of(select, BUYER).cursor_at == now


def test_the_cursor_stays_where_a_failing_feed_was_read_to(live, sandbox, select):
    live(BUYER, "orders")
    before = sandbox.clock.now()
    sandbox.faults.add("http_500", api=ORDERS)

    live(BUYER, "orders")
    assert feed_of(select, BUYER).cursor_at == before

    sandbox.faults.clear()
    live(BUYER, "orders", after=timedelta(minutes=1))
    assert feed_of(select, BUYER).cursor_at == sandbox.clock.now()


def test_a_feed_not_read_for_a_day_polls_every_order_again(live, sandbox, select, asked):
    settle(live)
    live(after=timedelta(hours=25))

    assert feed_of(select).cursor_at == sandbox.clock.now()
    assert known(select) <= asked(TRACE_GET)
    assert feed_of(select).trusted_since == sandbox.clock.now()


def test_an_account_without_its_feed_is_polled_as_usual_again(live, sandbox, select):
    settle(live)

    live(feed="", after=timedelta())

    assert select("account from analytics.feeds") == []
    far = "count(*) from tracking.tracked_order where next_poll_at > :limit"
    assert select(far, limit=sandbox.clock.now() + timedelta(hours=3)) == [(0,)]


def test_an_account_with_nothing_due_has_its_feed_read(live, select, execute, asked):
    settle(live)
    execute(
        "update tracking.tracked_order"
        " set next_poll_at = '2030-01-01', ask_parcels_at = '2030-01-01'"
    )

    assert "reported" in live()
