"""A feed of messages: what is reported is polled at once, and the rest rarely."""

from datetime import timedelta

import pytest

from sandbox.platform_taobao import CONSUME, TRACE_GET
from sandbox.witness import differences
from shipment_tracking.statements import query
from shipment_tracking.warehouse import polling

from .state import BUYER, HALF_HOUR, SELLER, START, feed_of, known, settle, unconfirmed


def test_a_reported_order_is_polled_now_and_a_quiet_one_is_not(
    live, asked, scanned, select, sandbox
):
    settle(live)
    told, quiet = 0, 0
    for _ in range(8):
        confirming = unconfirmed(select)
        planned = known(select, by=sandbox.clock.now() + HALF_HOUR)
        open_orders = known(select)
        live()

        reported = scanned() & open_orders
        assert reported <= asked(TRACE_GET)
        assert asked(TRACE_GET) <= reported | confirming | planned
        told += len(reported)
        quiet += len(open_orders - asked(TRACE_GET))
    assert told
    assert quiet > told


def test_without_a_feed_quiet_orders_are_polled_too(live, asked, scanned):
    for _ in range(3):
        live(feed="", after=timedelta(hours=2))
    quiet = set()
    for _ in range(4):
        live(feed="")
        quiet |= asked(TRACE_GET) - scanned()

    assert quiet


def test_a_world_read_by_messages_ends_as_its_truth(sandbox, world, live, warehouse):
    accounts = (SELLER, "platform_tmall")
    for _ in range(16):
        live(SELLER, after=timedelta(hours=2))
        live("platform_tmall", after=timedelta())
        live(BUYER, "orders", after=timedelta())
    sandbox.freeze(sandbox.clock.now())
    for hours in (25, 13, 25, 1):
        for account in accounts:
            live(account, after=timedelta(hours=hours) if account == SELLER else timedelta())
        live(BUYER, "orders", after=timedelta())

    assert differences(warehouse, world, sandbox.clock.now()) == []


def test_what_a_feed_missed_is_found_and_counted(
    live, sandbox, open_client, asked, scanned, select
):
    settle(live)
    thief = open_client(sandbox, SELLER, feed="messages").feed
    lost: set[str] = set()
    found: set[str] = set()
    for _ in range(26):
        sandbox.clock.advance(minutes=30)
        lost |= scanned() & known(select)
        for changes in thief.changed_orders(START, START):
            thief.confirm(changes)
        live(after=timedelta())
        found |= asked(TRACE_GET)

    assert lost
    assert lost <= found
    assert feed_of(select).missed >= 1


def test_what_is_reported_after_a_poll_found_it_is_not_missed(live, select):
    settle(live)
    for _ in range(30):
        live()

    assert feed_of(select).missed == 0
    assert feed_of(select).reported > 0


def test_a_message_consumed_by_another_account_of_the_app_is_not_lost(
    live, sandbox, scanned, select, asked
):
    tmall = "platform_tmall"
    for _ in range(3):
        live(tmall, after=timedelta(hours=2))
        live(SELLER, after=timedelta())
    told: set[str] = set()
    while not told:
        sandbox.clock.advance(minutes=30)
        told = scanned(tmall) & known(select)
        live(SELLER, after=timedelta())

    live(tmall, after=timedelta(minutes=1))

    assert told <= asked(TRACE_GET)


@pytest.mark.parametrize("changes", [{"only_high_priority": True}, {"shipped": 3}])
def test_other_runs_leave_the_feed_alone(live, sandbox, asked, changes):
    settle(live, 1)
    now = sandbox.clock.now()
    if "shipped" in changes:
        changes = {"shipped_from": now - timedelta(days=3), "shipped_to": now}

    live(**changes)

    assert not asked(CONSUME)


def test_a_change_reported_after_the_last_poll_stays_due(live, sandbox, warehouse, select, execute):
    settle(live)
    sandbox.clock.advance(minutes=30)
    began_at = sandbox.clock.now()
    polled_at, changed_at = began_at + timedelta(minutes=2), began_at + timedelta(minutes=3)
    execute("update tracking.tracked_order set last_polled_at = :at", at=polled_at)
    (row,) = select(
        "platform_order_id from tracking.tracked_order where account = :a limit 1", a=SELLER
    )

    with warehouse.begin() as connection:
        connection.execute(
            query("feeds.report"),
            {
                "account": SELLER,
                "own_orders": False,
                "platforms": ["taobao"],
                "orders": [row.platform_order_id],
                "changed": [changed_at],
                "now": began_at,
            },
        )

    assert select(
        "reported_at > last_polled_at from tracking.tracked_order where platform_order_id = :id",
        id=row.platform_order_id,
    ) == [(True,)]


def test_an_order_reported_while_it_is_polled_stays_due(
    live, sandbox, warehouse, open_client, new_run, select, execute
):
    settle(live)
    execute("update tracking.tracked_order set next_poll_at = null where next_poll_at < now()")
    sandbox.clock.advance(minutes=30)
    polled_at = sandbox.clock.now()
    execute(
        "update tracking.tracked_order set last_polled_at = :at, reported_at = :later",
        at=polled_at,
        later=polled_at + timedelta(seconds=1),
    )
    with warehouse.begin() as connection:
        ids = [row.order_id for row in select("order_id from tracking.tracked_order")]
        polling.plan(connection, ids, now=polled_at)

    due = select(
        "count(*) from tracking.tracked_order"
        " where account = :account and reported_at > last_polled_at and next_poll_at > reported_at",
        account=SELLER,
    )
    assert due == [(0,)]
