"""Killed processes, and others at work."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event

from shipment_tracking.statements import query

from ..load_traces.words import FAILED, MOVING, NONSENSE, parcel

ORDERS = 5


@pytest.fixture
def many(track, reply, load, rule):
    """Orders whose stored scans read otherwise now."""
    orders = [track(number) for number in range(1, ORDERS + 1)]
    for number, order in enumerate(orders, 1):
        reply(order, parcel(f"LP{number}", (-3, MOVING), (-1, NONSENSE)))
    load()
    rule(NONSENSE, "ready_for_pickup")
    return orders


@pytest.fixture
def killed(warehouse, replay):
    """Let a replay die before it executes a statement that holds a text for the n-th time."""

    def run(words: str, times: int, **options) -> None:
        seen = 0

        def die(connection, cursor, statement, *rest):
            nonlocal seen
            seen += words in statement
            if seen == times:
                raise KeyboardInterrupt

        event.listen(warehouse, "before_cursor_execute", die)
        try:
            with pytest.raises(KeyboardInterrupt):
                replay(**options)
        finally:
            event.remove(warehouse, "before_cursor_execute", die)

    return run


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    "words",
    ["update tracking.trace_event", "insert into tracking.replay_difference", "orders = orders +"],
)
def test_killed_in_the_middle_it_goes_on_and_counts_each_once(
    words, dry_run, many, killed, replay, select, statuses
):
    options = {"run_id": "it", "dry_run": dry_run, "chunk": 2}
    killed(words, 2, **options)
    assert select("last_order_id from tracking.replay") == [(many[1],)]

    counts = replay(**options)

    assert (counts["orders"], counts["events_changed"], counts["announcements_withheld"]) == (
        5,
        5,
        5,
    )
    assert select("count(*) from tracking.replay_difference where kind = 'events_changed'") == [
        (5,)
    ]
    wanted = "in_transit" if dry_run else "ready_for_pickup"
    assert set(statuses().values()) == {wanted}
    assert select("count(*) from tracking.status_change where to_status = 'ready_for_pickup'") == [
        (0 if dry_run else ORDERS,)
    ]


def test_it_waits_for_whoever_loads(many, replay, while_another_holds, statuses):
    with while_another_holds("erp_rows.lock", lambda: replay(chunk=2)) as working:
        assert not working.done()
        assert set(statuses().values()) == {"in_transit"}

    assert working.result()["events_changed"] == ORDERS


def test_beside_a_run_that_loads_news_both_come_to_the_same(
    many, reply, load, replay, statuses, notices
):
    for number, order in enumerate(many, 1):
        scans = ((-3, MOVING), (-1, NONSENSE), (1, FAILED))
        reply(order, parcel(f"LP{number}", *scans), hours=2)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(replay, 2, chunk=1), pool.submit(load, 2, chunk=1)]
        for each in both:
            each.result()

    assert set(statuses().values()) == {"delivery_failed"}
    assert [each for each in notices() if each[0] == "delivery_failed"] == [
        ("delivery_failed", "pending", "delivery_failed", True)
    ] * ORDERS


def test_an_order_that_cannot_be_loaded_costs_only_itself(many, replay, execute, statuses, select):
    execute(
        "create function tracking.refuse() returns trigger language plpgsql as"
        " $$ begin raise check_violation using message = 'planted'; end $$"
    )
    execute(
        "create trigger planted before update on tracking.shipment for each row"
        " when (old.consignment_id = 'LP3') execute function tracking.refuse()"
    )
    try:
        counts = replay()
    finally:
        execute("drop function tracking.refuse cascade")

    assert (counts["orders"], counts["unreadable"], counts["events_changed"]) == (5, 1, 4)
    assert statuses()["LP3"] == "in_transit"
    assert select("last_order_id from tracking.replay") == [(many[-1],)]


def test_prune_deletes_old_replays(many, replay, warehouse, select):
    replay(run_id="old")
    with warehouse.begin() as connection:
        connection.execute(
            query("pruning.runs"), {"before": "2027-01-01", "after": None, "most": 10}
        )

    assert select("count(*) from tracking.replay_difference") == [(0,)]
    assert select("count(*) from tracking.replay") == [(0,)]
