"""Change feeds: what a platform reports is asked for at once, and the rest rarely."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.erp import DemoErp
from sandbox.platform_1688 import INFOS, ORDERS, TRACES
from sandbox.platform_taobao import CONFIRM, CONSUME, PARCELS, TRACE_GET, TRADES
from sandbox.server import Sandbox
from sandbox.witness import differences
from sandbox.world import World
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.database import ErpDatabase
from shipment_tracking.platforms.ports import ChangeFeed, Changes, PlatformClient
from shipment_tracking.statements import query
from shipment_tracking.steps import extract_orders, fetch_waybills, gather_traces, load_traces
from shipment_tracking.warehouse import feeds, polling

START = datetime(2026, 3, 2, tzinfo=UTC)
BUDGET = timedelta(minutes=5)
HALF_HOUR = timedelta(minutes=30)
SELLER, BUYER = "platform_taobao", "platform_1688"

Pass = Callable[..., dict[str, Any]]
Select = Callable[..., list[Any]]


@pytest.fixture
def stories() -> Mapping[str, int]:
    return {"signed_by_self": 3, "split": 1, "goes_silent": 2}


@pytest.fixture
def world(stories: Mapping[str, int]) -> World:
    accounts = {BUYER: 9, SELLER: 9, "platform_tmall": 3}
    return World(11, START, accounts, stories=stories, shipping_hours=6)


@pytest.fixture
def clock() -> Clock:
    return Clock.standing(START + timedelta(hours=12))


@pytest.fixture
def sandbox(world: World, clock: Clock) -> Iterator[Sandbox]:
    apps = list(apps_for(world.accounts, qps=None))
    with Sandbox(world, clock, apps, token_hours=None) as running:
        yield running


@pytest.fixture
def live(
    sandbox: Sandbox,
    erp: ErpDatabase,
    warehouse: Engine,
    open_client: Callable[..., PlatformClient],
    new_run: Callable[..., Run],
) -> Pass:
    """Let half an hour pass and run an account's lane; returns what ``fetch_waybills`` says."""
    shop = DemoErp(erp.engine)
    shop.create()

    def run(
        account: str = SELLER,
        feed: str | ChangeFeed = "messages",
        *,
        after: timedelta = HALF_HOUR,
        **changes: Any,
    ) -> dict[str, Any]:
        now = sandbox.clock.advance(minutes=after / timedelta(minutes=1))
        shop.sync(sandbox.world, now)
        this_run = new_run(**changes)
        lanes = extract_orders.run(
            erp, warehouse, this_run, knows_account=lambda account: True, now=now
        )
        sandbox.clear_calls()
        if account not in lanes:
            return {}
        if isinstance(feed, str):
            client = open_client(sandbox, account, feed=feed)
        else:
            kind = "orders" if feed.own_orders else "messages"
            client = open_client(sandbox, account, feed=kind)
            client.feed = feed
        ask: dict[str, Any] = {"owner": account, "budget": BUDGET, "clock": sandbox.clock.now}
        counts = fetch_waybills.run(warehouse, client, this_run, **ask)
        gather_traces.run(warehouse, client, this_run, **ask)
        load_traces.run(warehouse, this_run, now=now)
        return counts

    return run


@pytest.fixture
def asked(sandbox: Sandbox) -> Callable[..., set[str]]:
    """The orders that an API was asked about since the last pass began."""
    return lambda *apis: {call.order_id for call in sandbox.calls if call.api in apis}


@pytest.fixture
def scanned(sandbox: Sandbox) -> Callable[..., set[str]]:
    """An account's orders with a scan within the last half hour."""

    def find(account: str = SELLER, within: timedelta = HALF_HOUR) -> set[str]:
        now = sandbox.clock.now()
        return {
            order.order_id
            for order in sandbox.world.orders(account)
            for parcel in order.parcels
            for step in parcel.steps
            if now - within < step.published_at <= now
        }

    return find


def unconfirmed(select: Select) -> set[str]:
    """Orders that are polled whatever a feed reports: a sign waits for the platform's word."""
    found = select(
        "platform_order_id from analytics.shipments where status = 'signed' and sign_kind = 'text'"
    )
    return {row.platform_order_id for row in found}


def feed_of(select: Select, account: str = SELLER) -> Any:
    (row,) = select("* from analytics.feeds where account = :account", account=account)
    return row


def settle(live: Pass, passes: int = 3) -> None:
    """Until every order was polled under the feed, and is planned by it."""
    for _ in range(passes):
        live(after=timedelta(hours=2))


def test_a_reported_order_is_polled_in_this_run_and_a_quiet_one_is_not(
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


def known(select: Select, by: datetime | None = None) -> set[str]:
    """Orders that are to be polled again, at the latest by then."""
    found = select(
        "platform_order_id from tracking.tracked_order"
        " where next_poll_at <= coalesce(cast(:by as timestamptz), 'infinity')",
        by=by,
    )
    return {row.platform_order_id for row in found}


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


def test_a_feed_that_fails_leaves_orders_at_their_usual_pace_until_it_works_again(
    live, sandbox, select, asked
):
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


def test_a_feed_left_for_more_than_a_day_begins_anew_with_every_order_polled(
    live, sandbox, select, asked
):
    settle(live)
    live(after=timedelta(hours=25))

    assert feed_of(select).cursor_at == sandbox.clock.now()
    assert known(select) <= asked(TRACE_GET)
    assert feed_of(select).trusted_since == sandbox.clock.now()


def test_an_account_without_its_feed_any_more_goes_back_to_its_usual_pace(live, sandbox, select):
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


@pytest.mark.parametrize(
    ("account", "asks", "feed"), [(BUYER, INFOS, ORDERS), (SELLER, PARCELS, TRADES)]
)
@pytest.mark.parametrize("stories", [{"erp_ahead": 1}])
def test_an_order_shipped_late_is_asked_for_its_parcels_when_a_feed_of_orders_reports_it(
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


def test_what_is_reported_to_have_changed_after_another_run_polled_it_stays_due(
    live, sandbox, warehouse, select, execute
):
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
