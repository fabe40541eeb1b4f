"""A feed of orders: what is shipped is asked for its parcels."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from sandbox.platform_1688 import INFOS, ORDERS, TRACES
from sandbox.platform_taobao import PARCELS, TRADES
from shipment_tracking.platforms.ports import Changes
from shipment_tracking.warehouse import feeds

from .state import BUDGET, BUYER, SELLER, feed_of


@pytest.mark.parametrize(
    ("account", "asks", "feed"), [(BUYER, INFOS, ORDERS), (SELLER, PARCELS, TRADES)]
)
@pytest.mark.parametrize("stories", [{"erp_ahead": 1}])
def test_a_late_shipped_order_is_asked_for_parcels_once_reported(
    live, sandbox, asked, select, world, account, asks, feed
):
    live(account, "orders", after=timedelta())
    live(account, "orders", after=timedelta(minutes=1))
    hour = timedelta(hours=1)
    late = sandbox.clock.now() + 1.6 * hour
    assert select(UNSHIPPED_LATER, account=account, late=late) != [(0,)]
    reported = 0
    for _ in range(14):
        before = {row.order for row in select(ASKED_BEFORE, account=account)}
        live(account, "orders", after=hour)
        now = sandbox.clock.now()
        shipped = {
            order.order_id
            for order in world.orders(account)
            if now - hour < order.parcels[0].listed_at <= now
        } & before
        assert shipped <= asked(asks)
        assert feed in {call.api for call in sandbox.calls}
        reported += len(shipped)
    assert reported
    assert feed_of(select, account).missed == 0


UNSHIPPED_LATER = (
    "count(*) from tracking.tracked_order"
    " where account = :account and parcels_asked_at is null and ask_parcels_at > :late"
)
ASKED_BEFORE = (
    "platform_order_id as order from tracking.tracked_order"
    " where account = :account and ask_parcels_at > first_seen_at"
)


@pytest.mark.parametrize("stories", [{"erp_ahead": 1}])
def test_a_parcel_that_a_feed_of_orders_did_not_report_is_counted(live, sandbox, select):
    class Silent:
        longest = timedelta(hours=1)
        platforms: tuple[str, ...] = ("1688",)
        own_orders = True

        def changed_orders(self, since: datetime, until: datetime) -> Iterator[Changes]:
            return iter(())

        def confirm(self, changes: Changes) -> None:
            """Nothing."""

    for _ in range(14):
        live(BUYER, Silent(), after=timedelta(hours=2))

    assert feed_of(select, BUYER).missed >= 1


def test_a_feed_of_orders_leaves_the_polling_of_traces_as_it_is(live, asked, select, sandbox):
    for _ in range(4):
        live(BUYER, "orders", after=timedelta(hours=2))

    far = "count(*) from tracking.tracked_order where next_poll_at > :limit"
    assert select(far, limit=sandbox.clock.now() + timedelta(hours=3)) == [(0,)]
    assert asked(TRACES)


def test_a_feed_that_is_too_long_to_read_is_not_trusted(
    live, sandbox, warehouse, open_client, new_run, select
):
    live(BUYER, "orders")
    client = open_client(sandbox, BUYER, feed="orders")
    now = sandbox.clock.advance(minutes=30)

    _, (warning,) = feeds.read(warehouse, client, new_run(), now=now, budget=timedelta())

    assert "takes too long" in warning
    assert feed_of(select, BUYER).trusted_since is None


def test_a_feed_of_orders_reports_nothing_of_another_account(
    live, select, execute, sandbox, warehouse, open_client, new_run
):
    live(BUYER, "orders")
    execute("update tracking.feed set cursor_at = cursor_at - interval '20 hours'")
    execute("update tracking.tracked_order set account = 'platform_1688_east'")
    client = open_client(sandbox, BUYER, feed="orders")

    told = feeds.read(
        warehouse, client, new_run(), now=sandbox.clock.advance(minutes=1), budget=BUDGET
    )

    assert told == ({"reported": 0, "missed": 0}, [])
    execute("update tracking.feed set cursor_at = cursor_at - interval '20 hours'")
    execute("update tracking.tracked_order set account = 'platform_1688'")
    now = sandbox.clock.now()
    counts, _ = feeds.read(warehouse, client, new_run(), now=now, budget=BUDGET)
    assert counts["reported"] > 0
