"""Dry runs, the clock, killed processes and others at work."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import text

from shipment_tracking.statements import query
from shipment_tracking.steps import load_traces
from tests import factories


@pytest.fixture
def many(warehouse, signed, answered, insert, at) -> dict[str, int]:
    """More of everything than a batch takes; returns what is to be deleted."""
    for number in range(1, 6):
        signed(number)
    signed(6, days=100)
    for day in (1, 2, 3):
        answered(6, at(days=-100 + day))
        factories.run(warehouse, f"{day}", at(days=-200))
        insert("token", pair=f"{day}", account="a", secret=b"s", refresh_expires_at=at(days=-40))
    return {
        **{"orders": 5, "parcels": 5, "events": 5, "changes": 5},
        **{"notices": 6, "replies": 3, "runs": 3, "tokens": 3},
    }


def test_a_dry_run_deletes_nothing_and_counts_the_same(many, prune, select, stored):
    before = stored()

    assert prune(kept_because="dry run", orders=2, page=2) == many | {"nothing_deleted": "dry run"}
    assert stored() == before
    assert select("count(*) from tracking.tracked_order where pruned_at is not null") == [(0,)]
    assert prune(orders=2, page=2) == many


def test_the_budget_ends_between_batches_and_the_next_run_goes_on(many, prune):
    seconds = count()

    first = prune(orders=2, page=2, budget=timedelta(seconds=4), clock=lambda: next(seconds))

    assert first.pop("left_over") == ["replies", "notices", "orders", "runs", "acts", "tokens"]
    assert first == {"replies": 1}
    assert Counter(first) + Counter(prune(orders=2, page=2)) == many


def test_killed_at_any_point_it_goes_on_where_it_was(many, prune, stored):
    def killing(after: int) -> Callable[[], float]:
        ticks = count()

        def clock() -> float:
            if next(ticks) == after:
                raise KeyboardInterrupt
            return 0

        return clock

    for after in range(1, 8):
        with pytest.raises(KeyboardInterrupt):
            prune(orders=1, page=2, clock=killing(after))

    prune()
    assert stored()["shipment"] == stored()["trace_event"] == stored()["trace_reply"] == 1
    assert prune() == {}


def test_a_locked_order_is_left_for_the_next_run(signed, prune, warehouse, select):
    signed(1)
    signed(2)
    with warehouse.begin() as beside:
        held = "select from tracking.tracked_order where platform_order_id = '291' for update"
        beside.execute(text(held))

        assert prune()["orders"] == 1

    assert select("consignment_id from tracking.shipment") == [("LP1",)]
    assert prune()["orders"] == 1


def test_other_orders_are_loaded_while_a_batch_is_being_deleted(
    signed, ship, answered, warehouse, new_run, prune, select, now
):
    signed(1)
    ship(2)
    answered(2, now, loaded=False)
    (order,) = select("order_id from tracking.tracked_order where platform_order_id = '291'")[0]
    with ThreadPoolExecutor(1) as pool, warehouse.begin() as beside:
        found = {"orders": [order], "before": now, "now": now}
        assert beside.execute(query("pruning.orders"), found).all()
        parcel = beside.execute(query("pruning.lock_parcels"), found).scalar()
        beside.execute(query("pruning.reset_orders"), found)
        beside.execute(query("pruning.delete_parcels"), {"shipments": [parcel]})

        loading = pool.submit(load_traces.run, warehouse, new_run(), now=now)
        assert loading.result(timeout=60)["events_new"] == 1

    assert select("platform_order_id from analytics.trace_events") == [("292",)]
