"""What nobody needs any more is deleted, whatever stops it; what is open or was written stays."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from shipment_tracking.statements import query
from shipment_tracking.steps import load_traces, prune_warehouse
from shipment_tracking.warehouse import parcels

KEEP_DAYS = {"replies": 30, "notices": 90, "orders": 365, "runs": 180, "tokens": 30}
SIGNED = "快件已签收，签收人：本人"
SHANGHAI = ZoneInfo("Asia/Shanghai")
HELD = ("shipment", "trace_event", "status_change", "notification", "trace_reply", "stall")


@pytest.fixture
def prune(warehouse, now) -> Callable[..., dict[str, Any]]:
    """Run the step; returns what it says, without zeros."""

    def run(**options: Any) -> dict[str, Any]:
        found = prune_warehouse.run(
            warehouse,
            **{"keep_days": KEEP_DAYS, "now": now, "budget": timedelta(hours=1)} | options,
        )
        return {name: value for name, value in found.items() if value}

    return run


def body(number: int, at: datetime) -> str:
    """A reply of 1688 in which the order's parcel was signed."""
    scan = {"acceptTime": f"{at.astimezone(SHANGHAI):%F %T}", "remark": SIGNED}
    parcel = {
        "logisticsId": f"LP{number}",
        "logisticsBillNo": f"YT{number}",
        "logisticsSteps": [scan],
    }
    return json.dumps({"logisticsTrace": [parcel]})


@pytest.fixture
def answered(select, insert) -> Callable[..., int]:
    """Store a reply of an order's platform; returns its id."""

    def add(number: int, at: datetime, *, loaded: bool = True, **changes: Any) -> int:
        (order,) = select(
            "order_id from tracking.tracked_order where platform_order_id = :id", id=f"29{number}"
        )[0]
        reply = {
            "order_id": order,
            "dialect": "param2",
            "fetched_at": at,
            "fingerprint": "f",
            "body": body(number, at),
            "announce": True,
            "run_id": "run",
            "loaded_at": at if loaded else None,
        }
        return int(insert("trace_reply", **reply | changes))

    return add


@pytest.fixture
def signed(ship, change, insert, execute, answered, now) -> Callable[..., int]:
    """An order that was signed, written and closed so many days ago; returns its parcel's id."""

    def add(number: int = 1, days: float = 400) -> int:
        closed_at = now - timedelta(days=days)
        shipment = ship(
            number,
            status="signed",
            event_count=1,
            unsettled=False,
            shipped_at=closed_at - timedelta(days=1),
        )
        sign = change(shipment, "signed", hours=-24 * days)
        told = "update tracking.notification set state = 'sent' where event_id = :sign"
        execute(told, sign=sign)
        insert(
            "trace_event",
            shipment_id=shipment,
            occurred_at=closed_at,
            event_hash=1,
            hash_version=1,
            position=1,
            future_dated=False,
            status="signed",
            description=SIGNED,
            fetched_at=closed_at,
        )
        insert(
            "stall",
            shipment_id=shipment,
            stage="in_transit",
            since=closed_at,
            threshold_hours=72,
            opened_at=closed_at,
            cleared_at=closed_at,
        )
        insert("shipment_waybill", shipment_id=shipment, waybill_no="A", first_seen_at=closed_at)
        insert(
            "erp_writeback",
            erp_key=f"SO{number}",
            account="platform_1688",
            platform_order_id=f"29{number}",
            source_event=sign,
            signed_at=closed_at,
            before="{}",
            outcome="signed",
            run_id="run",
            created_at=closed_at,
        )
        execute(
            "update tracking.tracked_order set closed_at = :at, last_polled_at = :at,"
            " parcels_asked_at = :at, traces_seen_at = :at, fingerprint = 'f', status = 'signed',"
            " has_unshipped_lines = false where platform_order_id = :id",
            at=closed_at,
            id=f"29{number}",
        )
        execute(
            "update tracking.erp_row set closed_at = :at, signed_at = :at, status = 'signed',"
            " sign_event = :sign, settled_event = :sign, listed = false, close_reason = 'signed'"
            " where erp_key = :key",
            at=closed_at,
            sign=sign,
            key=f"SO{number}",
        )
        answered(number, closed_at)
        return shipment

    return add


@pytest.fixture
def stored(select) -> Callable[[], dict[str, int]]:
    """How many rows each table of parcels holds."""

    def rows() -> dict[str, int]:
        return {table: select(f"count(*) from tracking.{table}")[0][0] for table in HELD}

    return rows


def test_of_an_order_closed_long_ago_the_parcels_go_with_all_that_is_known_of_them(
    signed, prune, stored
):
    signed()

    assert prune() == {
        **{"notices": 1, "orders": 1, "parcels": 1, "events": 1, "changes": 1},
    }
    assert set(stored().values()) == {0}
    assert prune() == {}


def test_rejected_steps_go_with_their_order(signed, prune, insert, select, now):
    for number, days in ((1, 400), (2, 1)):
        signed(number, days)
        query = "order_id from tracking.tracked_order where platform_order_id = :id"
        insert(
            "rejected_event",
            order_id=select(query, id=f"29{number}")[0].order_id,
            consignment_id=f"LP{number}",
            occurred_at_text="",
            description="派件中",
            reason="no time",
            fetched_at=now - timedelta(days=days),
            event_hash=1,
        )

    prune()

    assert select("consignment_id from analytics.rejected_events") == [("LP2",)]


def test_its_row_and_what_was_written_to_the_erp_stay(signed, prune, select):
    signed()

    prune()

    assert select("erp_key, status, close_reason from analytics.orders") == [
        ("SO1", "signed", "signed")
    ]
    assert select("outcome from analytics.erp_writebacks") == [("signed",)]


def test_orders_that_are_open_or_closed_lately_keep_everything(
    ship, change, answered, signed, prune, stored, at
):
    change(ship(1), "in_transit", hours=-24 * 500)
    answered(1, at(days=-500))
    signed(2, days=80)
    before = stored()

    assert prune() == {}
    assert stored() == before


@pytest.mark.parametrize(
    "still",
    [
        "update tracking.tracked_order set last_polled_at = :now",
        "update tracking.tracked_order set parcels_asked_at = :now",
        "update tracking.tracked_order set backfill_at = :now",
        "update tracking.tracked_order set lease_until = clock_timestamp() + interval '1 minute'",
        "update tracking.erp_row set listed = true",
        "update tracking.erp_row set closed_at = null",
        "update tracking.erp_row set settled_event = null",
        "update tracking.trace_reply set loaded_at = null",
        "update tracking.notification set state = 'pending'",
        "update tracking.stall set cleared_at = null",
    ],
    ids=lambda still: still.split(" set ")[1].split(" = ")[0],
)
def test_an_order_of_which_something_is_under_way_stays(still, signed, prune, execute, stored, now):
    signed()
    with_now = {"now": now} if ":now" in still else {}
    execute(still, **with_now)

    assert "orders" not in prune(keep_days=KEEP_DAYS | {"replies": 9999, "notices": 9999})
    assert set(stored().values()) == {1}


def test_a_sign_that_will_never_be_written_since_its_row_is_refused_stops_nothing(
    signed, prune, execute
):
    signed()
    execute("update tracking.erp_row set settled_event = null, last_error = 'came 2 times'")

    assert prune()["orders"] == 1


def test_a_notice_that_was_held_and_will_never_be_sent_stops_nothing(
    signed, prune, execute, stored
):
    signed()
    execute("update tracking.notification set state = 'pending', due_at = null")

    prune()

    assert set(stored().values()) == {0}


def test_a_shared_parcel_stays_as_long_as_another_order_has_it(signed, prune, insert, select, now):
    shared = signed(1)
    signed(2, days=80)
    (second,) = select("order_id from tracking.tracked_order where platform_order_id = '292'")[0]
    insert("order_shipment", order_id=second, shipment_id=shared, first_seen_at=now)

    assert prune()["orders"] == 1
    assert select("platform_order_id, consignment_id from analytics.shipments order by 2") == [
        ("292", "LP1"),
        ("292", "LP2"),
    ]
    assert select("count(*) from analytics.trace_events") == [(2,)]


def test_old_replies_go_but_an_orders_newest_and_those_that_were_not_loaded(
    ship, answered, prune, select, at
):
    ship(1)
    old = [answered(1, at(days=-40 + day)) for day in range(3)]
    waiting = answered(1, at(days=-35), loaded=False)
    ship(2)
    young = [answered(2, at(days=-29)), answered(2, at(days=-28))]

    assert prune() == {"replies": 2}
    kept = select("reply_id from tracking.trace_reply order by reply_id")
    assert kept == [(reply,) for reply in (old[-1], waiting, *young)]


def test_old_notices_of_closed_orders_go_but_those_that_wait(
    signed, ship, change, prune, execute, select
):
    done = signed(1, days=100)
    change(done, "in_transit", hours=-24 * 95)
    change(ship(2), "picked_up", hours=-24 * 95)
    execute("update tracking.notification set state = 'sent' where reason = 'picked_up'")
    signed(3, days=80)

    assert prune() == {"notices": 1}
    assert select("reason from tracking.notification order by reason") == [
        ("in_transit",),
        ("picked_up",),
        ("signed",),
    ]


def test_old_runs_go_with_their_calls(insert, prune, select, at):
    for run_id, days in (("old", 181), ("young", 179)):
        insert("run", run_id=run_id, run_type="scheduled", started_at=at(days=-days))
        insert(
            "api_usage",
            run_id=run_id,
            account="platform_1688",
            api="trace",
            outcome="ok",
            calls=1,
            seconds=1,
        )

    assert prune() == {"runs": 1}
    assert select("run_id from tracking.run") == [("young",)]
    assert select("run_id from tracking.api_usage") == [("young",)]


def test_tokens_go_that_ended_long_ago_and_renewals_that_came_to_nothing(insert, prune, select, at):
    for pair, fields in {
        "ended": {"secret": b"s", "refresh_expires_at": at(days=-31)},
        "just ended": {"secret": b"s", "refresh_expires_at": at(days=-29)},
        "endless": {"secret": b"s", "lease_until": at(days=-31)},
        "never stored": {"lease_until": at(days=-31)},
        "being renewed": {"refresh_expires_at": at(days=-31), "lease_until": at(days=36_500)},
    }.items():
        insert("token", pair=pair, account="platform_1688", **fields)

    assert prune() == {"tokens": 2}
    assert select("pair from tracking.token order by pair") == [
        ("being renewed",),
        ("endless",),
        ("just ended",),
    ]


@pytest.fixture
def many(signed, answered, insert, at) -> dict[str, int]:
    """More of everything than a batch takes; returns what is to be deleted."""
    for number in range(1, 6):
        signed(number)
    signed(6, days=100)
    for day in (1, 2, 3):
        answered(6, at(days=-100 + day))
        insert("run", run_id=f"{day}", run_type="manual", started_at=at(days=-200))
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


def test_the_clock_stops_it_between_two_batches_and_the_next_run_goes_on(many, prune):
    seconds = count()

    first = prune(orders=2, page=2, budget=timedelta(seconds=4), clock=lambda: next(seconds))

    assert first.pop("left_over") == ["replies", "notices", "orders", "runs", "tokens"]
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


def test_it_waits_for_nobody_who_works_on_an_order_and_takes_it_next_time(
    signed, prune, warehouse, select
):
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
        assert beside.execute(query("prune_warehouse.orders"), found).all()
        parcel = beside.execute(query("prune_warehouse.lock_parcels"), found).scalar()
        beside.execute(query("prune_warehouse.reset_orders"), found)
        beside.execute(query("prune_warehouse.delete_parcels"), {"shipments": [parcel]})

        loading = pool.submit(load_traces.run, warehouse, new_run(), now=now)
        assert loading.result(timeout=60)["events_new"] == 1

    assert select("platform_order_id from analytics.trace_events") == [("292",)]


@pytest.fixture
def comes_back(execute, answered, warehouse, new_run, now) -> Callable[..., dict[str, int]]:
    """Let the ERP list order 1 again, its platform answer, and load that."""

    def run(at: datetime) -> dict[str, int]:
        execute("update tracking.erp_row set listed = true, closed_at = null")
        execute(
            "update tracking.tracked_order set closed_at = null, last_polled_at = :now", now=now
        )
        answered(1, at, loaded=False)
        return load_traces.run(warehouse, new_run(), now=now)

    return run


def test_an_order_that_comes_back_starts_anew(signed, prune, comes_back, select, at, now):
    signed()
    prune()

    assert select(
        "fingerprint, parcels_asked_at, next_poll_at, ask_parcels_at from tracking.tracked_order"
    ) == [(None, None, None, now)]
    assert comes_back(at(days=-400))["events_new"] == 1


def test_it_announces_nothing_of_the_past(signed, prune, comes_back, select, at):
    signed()
    prune()

    comes_back(at(days=-400))

    assert select("state, reason from tracking.notification") == [("suppressed", "first sight")]


def test_it_does_not_take_an_old_status_for_news_because_it_was_fetched_now(
    signed, prune, execute, select, warehouse, new_run, now
):
    signed()
    prune()
    (order,) = select("order_id from tracking.tracked_order")[0]
    listed = parcels.ParcelRow(
        order_id=order,
        account="platform_1688",
        consignment_id="LP1",
        waybill_no="YT1",
        platform_code="SIGN",
        platform_status="signed",
        listed=True,
        seen_at=now,
        announce=True,
    )
    with warehouse.begin() as connection:
        parcels.keep(connection, [listed])

    load_traces.run(warehouse, new_run(), now=now)

    assert select("status from tracking.shipment") == [("signed",)]
    assert select("state, reason from tracking.notification") == [("suppressed", "first sight")]


def test_it_is_not_written_to_the_erp_a_second_time(
    signed, prune, comes_back, execute, select, warehouse, new_run, at, now
):
    signed()
    prune()

    comes_back(at(days=-400))
    execute(
        "update tracking.shipment set platform_code = 'SIGN', platform_status = 'signed',"
        " platform_status_since = :now, platform_status_at = :now, unsettled = true",
        now=now,
    )
    load_traces.run(warehouse, new_run(), now=now)

    assert select("signed_at is not null, sign_event = settled_event from tracking.erp_row") == [
        (True, True)
    ]


def test_after_it_was_closed_again_it_is_pruned_again(signed, prune, comes_back, execute, at):
    signed()
    prune()
    comes_back(at(days=-400))
    execute(
        "update tracking.tracked_order set closed_at = :at, last_polled_at = :at,"
        " parcels_asked_at = :at",
        at=at(days=-380),
    )
    execute("update tracking.erp_row set listed = false, closed_at = :at", at=at(days=-380))

    assert prune()["orders"] == 1
